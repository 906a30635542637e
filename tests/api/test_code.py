"""Code that is run on a Jupyter server."""

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


class Kernels:
    """A Jupyter server: what a kernel answers hangs on the code."""

    def __init__(self) -> None:
        self.url = ""
        self.running: set[str] = set()
        self.made = 0

    def _enters(self, request: aiohttp.web.Request) -> bool:
        return request.query.get("token") == "secret" or request.cookies.get("session") == "in"

    async def login(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if request.method == "GET":
            response = aiohttp.web.Response(text="who are you?")
            response.set_cookie("_xsrf", "x1")
            return response
        form = await request.post()
        if form["password"] != "sesame" or form["_xsrf"] != "x1" or request.headers["X-XSRFToken"] != "x1":
            return aiohttp.web.Response(status=401)
        found = aiohttp.web.Response(status=302, headers={"location": "/tree"})
        found.set_cookie("session", "in")
        return found

    async def make(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if not self._enters(request):
            return aiohttp.web.Response(status=403)
        self.made += 1
        self.running.add(f"k{self.made}")
        return aiohttp.web.json_response({"id": f"k{self.made}"}, status=201)

    async def remove(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        self.running.discard(request.match_info["id"])
        return aiohttp.web.Response(status=204 if self._enters(request) else 403)

    async def talk(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        ws = aiohttp.web.WebSocketResponse(max_msg_size=0)
        await ws.prepare(request)
        asked = await ws.receive_json()
        parent = {"msg_id": asked["header"]["msg_id"]}

        async def say(kind: str, parent: Any = parent, **content: Any) -> None:
            await ws.send_json({"msg_type": kind, "parent_header": parent, "content": content})

        await say("status", execution_state="busy")
        await say("stream", parent={"msg_id": "another"}, name="stdout", text="not mine")
        match asked["content"]["code"]:
            case "print":
                await say("stream", name="stdout", text="one\n")
                await say("stream", name="stdout", text="two\n")
                await say("stream", name="stderr", text="careful")
            case "draw":
                await say("display_data", data={"image/png": "AAAA", "text/plain": "<Figure>"})
                await say("execute_result", data={"text/plain": "42"})
            case "fail":
                await say("error", traceback=["Traceback", "ZeroDivisionError"])
            case "sleep":
                await ws.receive(5)
            case "flood":
                await say("stream", name="stdout", text="x" * 5000)
                await ws.receive(5)
            case "vanish":
                await ws.close()
                return ws
        await say("status", execution_state="idle")
        await ws.receive()
        return ws


@pytest.fixture
async def kernels() -> AsyncIterator[Kernels]:
    found = Kernels()
    application = aiohttp.web.Application()
    application.router.add_route("*", "/login", found.login)
    application.router.add_post("/api/kernels", found.make)
    application.router.add_delete("/api/kernels/{id}", found.remove)
    application.router.add_get("/api/kernels/{id}/channels", found.talk)
    runner = aiohttp.web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
def database() -> str:
    return "sqlite"


async def _set(ada: Person, **fields: Any) -> None:
    page = (await ada.get(_CONFIG)).ok()
    (await ada.post(_CONFIG, page | fields)).ok()


async def test_code_is_run_in_a_kernel_of_its_own(
    ada: Person, bob: Person, kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _set(
        ada,
        CODE_EXECUTION_ENGINE="jupyter",
        CODE_EXECUTION_JUPYTER_URL=f"{kernels.url}/",
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
        found = (await bob.post(_RUN, {"code": code})).ok()
        assert found == {"stdout": stdout, "stderr": stderr, "result": result}, code
    flooded = (await bob.post(_RUN, {"code": "flood"})).ok()
    assert "Error" in flooded["stderr"] or "too long" in flooded["stderr"]
    assert kernels.made == 6 and kernels.running == set(), "no kernel is left behind"


async def test_ways_in(ada: Person, kernels: Kernels) -> None:
    await _set(ada, CODE_EXECUTION_ENGINE="jupyter", CODE_EXECUTION_JUPYTER_URL=kernels.url)
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: 403")
    await _set(ada, CODE_EXECUTION_JUPYTER_AUTH="password", CODE_EXECUTION_JUPYTER_AUTH_PASSWORD="sesame")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stdout"] == "one\ntwo"
    assert kernels.running == set()
    await _set(ada, CODE_EXECUTION_JUPYTER_AUTH_PASSWORD="wrong")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: 401")
    await _set(ada, CODE_EXECUTION_JUPYTER_URL="http://127.0.0.1:9")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: ")
    await _set(ada, CODE_EXECUTION_JUPYTER_URL="")
    assert (await ada.post(_RUN, {"code": "print"})).ok()["stderr"].startswith("Error: ")


async def test_who_may(ada: Person, bob: Person, anonymous: Person) -> None:
    (await anonymous.post(_RUN, {"code": "print"})).refused(401, "Not authenticated")
    (await bob.post(_RUN, {"code": "print"})).refused(400, "[ERROR: Code execution engine not supported]")
    assert (await bob.post(_RUN, {})).refused(422)[0]["loc"] == ["body", "code"]
    await _set(ada, ENABLE_CODE_EXECUTION=False)
    (await bob.post(_RUN, {"code": "print"})).refused(403, "Code execution is disabled")
