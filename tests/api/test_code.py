"""Running code on a Jupyter server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from fastback.features.code import jupyter
from jupyter_server import JupyterServer, run_jupyter_server

_RUN = "/api/v1/utils/code/execute"
_CONFIG = "/api/v1/configs/code_execution"


@pytest.fixture
async def jupyter_server() -> AsyncIterator[JupyterServer]:
    async with run_jupyter_server() as server:
        yield server


@pytest.fixture
def database() -> str:
    return "sqlite"


async def _save_config(ada: Person, **fields: Any) -> None:
    page = (await ada.get(_CONFIG)).ok()
    (await ada.post(_CONFIG, page | fields)).ok()


async def test_code_is_run_in_a_kernel_of_its_own(
    ada: Person, bob: Person, jupyter_server: JupyterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _save_config(
        ada,
        CODE_EXECUTION_ENGINE="jupyter",
        CODE_EXECUTION_JUPYTER_URL=f"{jupyter_server.url}/",
        CODE_EXECUTION_JUPYTER_AUTH="token",
        CODE_EXECUTION_JUPYTER_AUTH_TOKEN="secret",
        CODE_EXECUTION_JUPYTER_TIMEOUT=1,
    )
    monkeypatch.setattr(jupyter, "MAX_OUTPUT_BYTES", 4096)
    for code, stdout, stderr, result in (
        ("print", "one\ntwo", "careful", ""),
        ("draw", "", "", "data:image/png;base64,AAAA\n42"),
        ("fail", "", "Traceback\nZeroDivisionError", ""),
        ("sleep", "", "Execution timed out.", ""),
        ("vanish", "", "Error: the server closed the connection", ""),
    ):
        output = (await bob.post(_RUN, {"code": code})).ok()
        assert output == {"stdout": stdout, "stderr": stderr, "result": result}, code
    flooded = (await bob.post(_RUN, {"code": "flood"})).ok()
    assert "Error" in flooded["stderr"] or "too long" in flooded["stderr"]
    assert jupyter_server.created == 6 and jupyter_server.running == set(), "no kernel is left behind"


async def test_kinds_of_sign_in(ada: Person, jupyter_server: JupyterServer) -> None:
    await _save_config(ada, CODE_EXECUTION_ENGINE="jupyter", CODE_EXECUTION_JUPYTER_URL=jupyter_server.url)
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: 403")
    await _save_config(ada, CODE_EXECUTION_JUPYTER_AUTH="password", CODE_EXECUTION_JUPYTER_AUTH_PASSWORD="sesame")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stdout"] == "one\ntwo"
    assert jupyter_server.running == set()
    await _save_config(ada, CODE_EXECUTION_JUPYTER_AUTH_PASSWORD="wrong")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: 401")
    await _save_config(ada, CODE_EXECUTION_JUPYTER_URL="http://127.0.0.1:9")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: ")
    await _save_config(ada, CODE_EXECUTION_JUPYTER_URL="")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: ")


async def test_who_may_run_code(ada: Person, bob: Person, anonymous: Person) -> None:
    (await anonymous.post(_RUN, {"code": "print"})).refused(401, "Not authenticated")
    (await bob.post(_RUN, {"code": "print"})).refused(400, "[ERROR: Code execution engine not supported]")
    assert (await bob.post(_RUN, {})).refused(422)[0]["loc"] == ["body", "code"]
    await _save_config(ada, ENABLE_CODE_EXECUTION=False)
    (await bob.post(_RUN, {"code": "print"})).refused(403, "Code execution is disabled")
