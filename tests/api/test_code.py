"""Running code on a Jupyter server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import aiohttp.web
import pytest

from conftest import Person
from fastback.features.code import jupyter

_RUN = "/api/v1/utils/code/execute"
_CONFIG = "/api/v1/configs/code_execution"


class JupyterServer:
    """A Jupyter server; the code selects what a kernel answers."""

    def __init__(self) -> None:
        self.url = ""
        self.running: set[str] = set()
        self.created = 0

    def _is_signed_in(self, request: aiohttp.web.Request) -> bool:
        return request.query.get("token") == "secret" or request.cookies.get("session") == "in"

    async def login(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if request.method == "GET":
            response = aiohttp.web.Response(text="who are you?")
            response.set_cookie("_xsrf", "x1")
            return response
        form = await request.post()
        if form["password"] != "sesame" or form["_xsrf"] != "x1" or request.headers["X-XSRFToken"] != "x1":
            return aiohttp.web.Response(status=401)
        response = aiohttp.web.Response(status=302, headers={"location": "/tree"})
        response.set_cookie("session", "in")
        return response

    async def create_kernel(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if not self._is_signed_in(request):
            return aiohttp.web.Response(status=403)
        self.created += 1
        self.running.add(f"k{self.created}")
        return aiohttp.web.json_response({"id": f"k{self.created}"}, status=201)

    async def delete_kernel(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        self.running.discard(request.match_info["id"])
        return aiohttp.web.Response(status=204 if self._is_signed_in(request) else 403)

    async def run_code(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        ws = aiohttp.web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        message = await ws.receive_json()
        parent = {"msg_id": message["header"]["msg_id"]}

        async def send_message(kind: str, parent: Any = parent, **content: Any) -> None:
            await ws.send_json({"msg_type": kind, "parent_header": parent, "content": content})

        await send_message("status", execution_state="busy")
        await send_message("stream", parent={"msg_id": "another"}, name="stdout", text="not mine")
        match message["content"]["code"]:
            case "print":
                await send_message("stream", name="stdout", text="one\n")
                await send_message("stream", name="stdout", text="two\n")
                await send_message("stream", name="stderr", text="careful")
            case "draw":
                await send_message("display_data", data={"image/png": "AAAA", "text/plain": "<Figure>"})
                await send_message("execute_result", data={"text/plain": "42"})
            case "fail":
                await send_message("error", traceback=["Traceback", "ZeroDivisionError"])
            case "sleep":
                await ws.receive(5)
            case "flood":
                await send_message("stream", name="stdout", text="x" * 5000)
                await ws.receive(5)
            case "vanish":
                await ws.close()
                return ws
        await send_message("status", execution_state="idle")
        await ws.receive()
        return ws


@pytest.fixture
async def jupyter_server() -> AsyncIterator[JupyterServer]:
    server = JupyterServer()
    application = aiohttp.web.Application()
    application.router.add_route("*", "/login", server.login)
    application.router.add_post("/api/kernels", server.create_kernel)
    application.router.add_delete("/api/kernels/{id}", server.delete_kernel)
    application.router.add_get("/api/kernels/{id}/channels", server.run_code)
    runner = aiohttp.web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


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
