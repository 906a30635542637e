"""Terminal servers behind a proxy: requests and sockets passed on for permitted users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import aiohttp.web
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.features.terminals import socket
from fastback.features.terminals.proxy_routes import normalise_path
from fastback.kit.bus import Bus
from stub_server import serve_handler

TERMINALS = "/api/v1/terminals"


class TerminalServer:
    """A terminal server that records its requests."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.messages: list[Any] = []
        self.may_continue = asyncio.Event()

    async def answer(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._talk(request)
        self.requests.append((request.method, request.raw_path, dict(request.headers), b""))
        if request.path == "/slow":
            response = aiohttp.web.StreamResponse(headers={"content-type": "application/octet-stream"})
            await response.prepare(request)
            await response.write(b"first")
            await self.may_continue.wait()
            await response.write(b"second")
            return response
        body = await request.read()
        self.requests[-1] = (*self.requests[-1][:3], body)
        if request.path == "/teapot":
            headers = {"x-mine": "1", "set-cookie": "a=b", "location": "http://elsewhere.example.com/"}
            return aiohttp.web.Response(status=302, text="short and stout", headers=headers)
        return aiohttp.web.json_response({"length": len(body)})

    async def _talk(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        self.requests.append(("WS", request.raw_path, dict(request.headers), b""))
        ws = aiohttp.web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            self.messages.append(message.data)
            if message.data == "exit":
                break
            if message.data == b"\x01":
                await ws.send_bytes(b"\x02")
            elif not str(message.data).startswith("{"):
                await ws.send_str(f"you said {message.data}")
        await ws.close()
        return ws


@pytest.fixture
async def terminal_server() -> AsyncIterator[TerminalServer]:
    terminal = TerminalServer()
    async with serve_handler(terminal.answer, max_body_size=64 * 1024 * 1024) as terminal.url:
        yield terminal
        terminal.may_continue.set()


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def environment() -> dict[str, str]:
    return {"TERMINAL_PROXY_HEADERS": '{"X-Frame-Options": "DENY"}'}


async def _connect(ada: Person, *connections: dict[str, Any]) -> None:
    body = {"TERMINAL_SERVER_CONNECTIONS": list(connections)}
    (await ada.post("/api/v1/configs/terminal_servers", body)).ok()


def make_public_config(**more: Any) -> dict[str, Any]:
    return {"access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}], **more}


async def test_requests_are_passed_on(ada: Person, bob: Person, terminal_server: TerminalServer) -> None:
    await _connect(ada, {"id": "t", "url": f"{terminal_server.url}/", "key": " k ", "config": make_public_config()})
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        reply = await bob.request(
            method, f"{TERMINALS}/t/files/a%20b", json={"x": 1} if method != "GET" else None, q="1 2"
        )
        assert reply.status == 200 and terminal_server.requests[-1][:2] == (method, "/files/a%20b?q=1+2")
    headers = terminal_server.requests[-1][2]
    assert headers["Authorization"] == "Bearer k" and headers["X-User-Id"] == bob.id
    assert headers["Content-Type"] == "application/json" and "Cookie" not in headers and "X-Session-Id" not in headers
    assert terminal_server.requests[-1][3] == b'{"x": 1}'
    assert (await bob.request("HEAD", f"{TERMINALS}/t/files")).status == 200 and terminal_server.requests[-1][
        0
    ] == "HEAD"

    large = b"x" * 3_000_000
    assert (await bob.post(f"{TERMINALS}/t/upload/", data=large)).ok() == {"length": len(large)}
    assert terminal_server.requests[-1][1] == "/upload/", "a slash at the end is significant"

    reply = await bob.get(f"{TERMINALS}/t/teapot")
    assert (reply.status, reply.text, reply.headers["x-mine"]) == (302, "short and stout", "1")
    assert reply.headers["x-frame-options"] == "DENY"
    assert "Cookie" not in terminal_server.requests[-1][2]
    await bob.get(f"{TERMINALS}/t/teapot")
    assert "Cookie" not in terminal_server.requests[-1][2], (
        "a cookie that a server sets for one request is not sent with another"
    )


async def test_every_method_checks_access(
    ada: Person, bob: Person, anonymous: Person, terminal_server: TerminalServer
) -> None:
    await _connect(ada, {"id": "t", "url": terminal_server.url})
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for path in (f"{TERMINALS}/t/files", f"{TERMINALS}/t/chats/c1/files"):
            assert (await anonymous.request(method, path)).status == 401
            assert (await bob.request(method, path)).status == 403
            assert (await ada.request(method, path)).status == 200
            assert terminal_server.requests[-1][:2] == (method, "/files")


async def test_replies_are_streamed(ada: Person, terminal_server: TerminalServer) -> None:
    await _connect(ada, {"id": "t", "url": terminal_server.url})
    async with ada.http().get(f"{ada.url}{TERMINALS}/t/slow") as response:
        assert await asyncio.wait_for(response.content.readany(), 5) == b"first"
        terminal_server.may_continue.set()
        assert await response.content.read() == b"second"


async def test_sessions_and_credentials(ada: Person, terminal_server: TerminalServer) -> None:
    contexts = {"chat": {"context_id": "chat_id"}}
    connection = {"url": terminal_server.url, "auth_type": "session", "server_type": "orchestrator"}
    await _connect(
        ada,
        {"id": "each", **connection, "config": {"contexts": contexts}, "forward_cookies": True},
        {"id": "none", **connection, "config": {"contexts": {"chat": False}}},
        {"id": "policy", "url": terminal_server.url, "policy_id": "a/b", "auth_type": "none"},
    )
    reply = await ada.get(f"{TERMINALS}/each/chats/c1/run", headers={"cookie": "a=b"})
    assert reply.status == 200 and terminal_server.requests[-1][1] == "/run"
    headers = terminal_server.requests[-1][2]
    assert headers["X-Session-Id"] == "c1" and headers["X-Terminal-Context-Id"] == "chat:c1"
    assert headers["Authorization"] == f"Bearer {ada.token}" and headers["Cookie"] == "a=b"
    for chat in ("temporary:1", "local:1", "channel:1"):
        reply = await ada.get(f"{TERMINALS}/each/chats/{chat}/run")
        assert (reply.status, reply.json) == (409, {"error": "A saved chat is required for this terminal"})
    assert (await ada.get(f"{TERMINALS}/each/run")).status == 200, "a chat is not required outside chats"
    reply = await ada.get(f"{TERMINALS}/none/run", headers={"x-session-id": "c1"})
    assert (reply.status, reply.json) == (403, {"error": "Terminal server is not available in chats"})
    assert (await ada.get(f"{TERMINALS}/policy/run", headers={"x-session-id": "c1"})).status == 200
    assert terminal_server.requests[-1][1] == "/p/a%2Fb/run" and "Authorization" not in terminal_server.requests[-1][2]
    assert terminal_server.requests[-1][2]["X-Session-Id"] == "c1"


async def test_access_and_paths_are_restricted(
    ada: Person, bob: Person, anonymous: Person, terminal_server: TerminalServer
) -> None:
    await _connect(
        ada,
        {"id": "mine", "url": terminal_server.url},
        {"id": "off", "url": terminal_server.url, "enabled": False},
        {"id": "nowhere", "url": ""},
        {"id": "dead", "url": "http://127.0.0.1:9"},
        {"id": "blank", "url": terminal_server.url, "policy_id": " "},
    )
    (await anonymous.get(f"{TERMINALS}/mine/x")).refused(401, "Not authenticated")
    for person, path, status, error in (
        (bob, "mine/x", 403, "Access denied"),
        (ada, "none/x", 404, "Terminal server 'none' not found"),
        (ada, "off/x", 403, "Terminal server disabled"),
        (ada, "nowhere/x", 503, "Terminal server URL not configured"),
        (ada, "mine/api/v1/policies", 403, "Path not allowed"),
        (ada, "mine/api/v1/status/", 403, "Path not allowed"),
        (ada, "mine/x/%2e%2e/api/v1/terminals/1", 403, "Path not allowed"),
        (ada, "blank/api/v1/policies", 403, "Path not allowed"),
        (ada, "mine/%252e%252e/x", 400, "Invalid path"),
        (ada, "mine/a%5Cb", 400, "Invalid path"),
    ):
        async with person.http().get(aiohttp.client.URL(f"{person.url}{TERMINALS}/{path}", encoded=True)) as response:
            assert (response.status, await response.json()) == (status, {"error": error}), path
    reply = await ada.get(f"{TERMINALS}/dead/x")
    assert reply.status == 502 and reply.json["error"].startswith("Terminal proxy error")
    assert terminal_server.requests == []


def test_paths_are_normalised() -> None:
    for path, expected in (
        ("a/b", "a/b"),
        ("a/b/", "a/b/"),
        ("/a//b/./c", "a/b/c"),
        ("a/../b", "b"),
        ("../b", None),
        ("a/../../b", None),
        ("%2e%2e/b", None),
        ("%25252525252525252e", None),
        ("a\tb", None),
        ("", None),
    ):
        assert normalise_path(path) == expected, path


async def _socket(person: Person, server_id: str, hello: Any) -> aiohttp.ClientWebSocketResponse:
    ws = await person.http().ws_connect(f"{person.url}{TERMINALS}/{server_id}/api/terminals/s%2F1")
    await ws.send_json(hello)
    return ws


async def test_a_terminal_in_the_page(
    server: Server, ada: Person, bob: Person, terminal_server: TerminalServer
) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    await _connect(ada, {"id": "t", "url": terminal_server.url, "key": "k", "config": make_public_config()})
    ws = await _socket(bob, "t", {"type": "auth", "token": bob.token, "chat_id": "c1"})
    await ws.send_str("hello")
    assert (await ws.receive(5)).data == "you said hello"
    await ws.send_bytes(b"\x01")
    assert (await ws.receive(5)).data == b"\x02"
    await ws.send_str("exit")
    assert (await ws.receive(5)).type is aiohttp.WSMsgType.CLOSE and ws.close_code == 1000
    method, path, headers, _ = terminal_server.requests[-1]
    assert (method, path) == ("WS", f"/api/terminals/s%2F1?user_id={bob.id}")
    assert headers["X-User-Id"] == bob.id and headers["X-Session-Id"] == "c1"
    assert terminal_server.messages[0] == '{"type": "auth", "token": "k"}'
    await asyncio.sleep(0.05)
    sessions = [event for event in events if event.event.startswith("terminal.")]
    assert [event.event for event in sessions] == ["terminal.session.opened", "terminal.session.closed"]
    assert sessions[0].subject_id == "s/1" and sessions[0].data == {"server_id": "t"}


async def test_terminal_sockets_are_refused_with_a_reason(
    ada: Person, bob: Person, terminal_server: TerminalServer
) -> None:
    contexts = {"contexts": {"chat": False}}
    each = {"server_type": "orchestrator", "config": {"contexts": {"chat": {"context_id": "chat_id"}}}}
    await _connect(
        ada,
        {"id": "mine", "url": terminal_server.url},
        {"id": "never", "url": terminal_server.url, "server_type": "orchestrator", "config": contexts},
        {"id": "each", "url": terminal_server.url, **each},
    )
    for person, server_id, hello, code, reason in (
        (ada, "mine", {"type": "hello"}, 4001, "Expected auth message"),
        (ada, "mine", [1], 4001, "Expected auth message"),
        (ada, "mine", {"type": "auth", "token": "forged"}, 4001, "Invalid token"),
        (ada, "none", {"type": "auth", "token": ada.token}, 4004, "Terminal server not found"),
        (bob, "mine", {"type": "auth", "token": bob.token}, 4003, "Access denied"),
        (ada, "never", {"type": "auth", "token": ada.token}, 4003, "Terminal server is not available in chats"),
        (ada, "each", {"type": "auth", "token": ada.token}, 4003, "A saved chat is required for this terminal"),
    ):
        ws = await _socket(person, server_id, hello)
        message = await ws.receive(5)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, code, reason)
    assert terminal_server.requests == []


async def test_a_server_that_does_not_answer_times_out(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "CONNECT_TIMEOUT", 0.2)
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    await _connect(ada, {"id": "t", "url": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"})
    ws = await _socket(ada, "t", {"type": "auth", "token": ada.token})
    assert (await ws.receive(5)).type is aiohttp.WSMsgType.CLOSE and len(writers) == 1
    silent.close()


async def test_a_user_who_loses_access_is_disconnected(
    ada: Person, bob: Person, terminal_server: TerminalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "ACCESS_CHECK_INTERVAL", 0.1)
    connection = {"id": "t", "url": terminal_server.url, "key": "k", "config": make_public_config()}
    await _connect(ada, connection)
    ws = await _socket(bob, "t", {"type": "auth", "token": bob.token})
    await ws.send_str("hello")
    assert (await ws.receive(5)).data == "you said hello"
    await _connect(ada, {**connection, "config": {}})
    message = await ws.receive(5)
    assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4003, "Access denied")
