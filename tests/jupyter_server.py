"""A Jupyter server without Python: the last line of the code selects what its kernels answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp.web


class JupyterServer:
    """The server, with the kernels that run."""

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
        match message["content"]["code"].rpartition("\n")[2]:
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


@asynccontextmanager
async def run_jupyter_server() -> AsyncIterator[JupyterServer]:
    """Run a server while the context is open."""
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
