"""Terminal servers behind us: requests and sockets passed on, for those who may."""

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

_T = "/api/v1/terminals"


class Elsewhere:
    """A terminal server that remembers what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.heard: list[Any] = []
        self.first_half = asyncio.Event()

    async def answer(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._talk(request)
        self.asked.append((request.method, request.raw_path, dict(request.headers), b""))
        if request.path == "/slow":
            response = aiohttp.web.StreamResponse(headers={"content-type": "application/octet-stream"})
            await response.prepare(request)
            await response.write(b"first")
            await self.first_half.wait()
            await response.write(b"second")
            return response
        body = await request.read()
        self.asked[-1] = (*self.asked[-1][:3], body)
        if request.path == "/teapot":
            headers = {"x-mine": "1", "set-cookie": "a=b", "location": "http://elsewhere.example.com/"}
            return aiohttp.web.Response(status=302, text="short and stout", headers=headers)
        return aiohttp.web.json_response({"length": len(body)})

    async def _talk(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        self.asked.append(("WS", request.raw_path, dict(request.headers), b""))
        ws = aiohttp.web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            self.heard.append(message.data)
            if message.data == "exit":
                break
            if message.data == b"\x01":
                await ws.send_bytes(b"\x02")
            elif not str(message.data).startswith("{"):
                await ws.send_str(f"you said {message.data}")
        await ws.close()
        return ws


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    found = Elsewhere()
    async with serve_handler(found.answer, max_body_size=64 * 1024 * 1024) as found.url:
        yield found
        found.first_half.set()


@pytest.fixture
def database() -> str:
    return "sqlite"


@pytest.fixture
def environment() -> dict[str, str]:
    return {"TERMINAL_PROXY_HEADERS": '{"X-Frame-Options": "DENY"}'}


async def _connect(ada: Person, *connections: dict[str, Any]) -> None:
    body = {"TERMINAL_SERVER_CONNECTIONS": list(connections)}
    (await ada.post("/api/v1/configs/terminal_servers", body)).ok()


def _everybody(**more: Any) -> dict[str, Any]:
    return {"access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}], **more}


async def test_requests_are_passed_on(ada: Person, bob: Person, elsewhere: Elsewhere) -> None:
    await _connect(ada, {"id": "t", "url": f"{elsewhere.url}/", "key": " k ", "config": _everybody()})
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        reply = await bob.request(method, f"{_T}/t/files/a%20b", json={"x": 1} if method != "GET" else None, q="1 2")
        assert reply.status == 200 and elsewhere.asked[-1][:2] == (method, "/files/a%20b?q=1+2")
    headers = elsewhere.asked[-1][2]
    assert headers["Authorization"] == "Bearer k" and headers["X-User-Id"] == bob.id
    assert headers["Content-Type"] == "application/json" and "Cookie" not in headers and "X-Session-Id" not in headers
    assert elsewhere.asked[-1][3] == b'{"x": 1}'
    assert (await bob.request("HEAD", f"{_T}/t/files")).status == 200 and elsewhere.asked[-1][0] == "HEAD"

    large = b"x" * 3_000_000
    assert (await bob.post(f"{_T}/t/upload/", data=large)).ok() == {"length": len(large)}
    assert elsewhere.asked[-1][1] == "/upload/", "a slash at the end says something"

    reply = await bob.get(f"{_T}/t/teapot")
    assert (reply.status, reply.text, reply.headers["x-mine"]) == (302, "short and stout", "1")
    assert reply.headers["x-frame-options"] == "DENY"
    assert "Cookie" not in elsewhere.asked[-1][2]
    await bob.get(f"{_T}/t/teapot")
    assert "Cookie" not in elsewhere.asked[-1][2], "what a server sets for one request goes along with no other"


async def test_every_method_has_its_guard(ada: Person, bob: Person, anonymous: Person, elsewhere: Elsewhere) -> None:
    await _connect(ada, {"id": "t", "url": elsewhere.url})
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for path in (f"{_T}/t/files", f"{_T}/t/chats/c1/files"):
            assert (await anonymous.request(method, path)).status == 401
            assert (await bob.request(method, path)).status == 403
            assert (await ada.request(method, path)).status == 200
            assert elsewhere.asked[-1][:2] == (method, "/files")


async def test_answers_come_as_they_are_made(ada: Person, elsewhere: Elsewhere) -> None:
    await _connect(ada, {"id": "t", "url": elsewhere.url})
    async with ada.http().get(f"{ada.url}{_T}/t/slow") as response:
        assert await asyncio.wait_for(response.content.readany(), 5) == b"first"
        elsewhere.first_half.set()
        assert await response.content.read() == b"second"


async def test_sessions_and_credentials(ada: Person, elsewhere: Elsewhere) -> None:
    contexts = {"chat": {"context_id": "chat_id"}}
    own = {"url": elsewhere.url, "auth_type": "session", "server_type": "orchestrator"}
    await _connect(
        ada,
        {"id": "each", **own, "config": {"contexts": contexts}, "forward_cookies": True},
        {"id": "none", **own, "config": {"contexts": {"chat": False}}},
        {"id": "policy", "url": elsewhere.url, "policy_id": "a/b", "auth_type": "none"},
    )
    reply = await ada.get(f"{_T}/each/chats/c1/run", headers={"cookie": "a=b"})
    assert reply.status == 200 and elsewhere.asked[-1][1] == "/run"
    headers = elsewhere.asked[-1][2]
    assert headers["X-Session-Id"] == "c1" and headers["X-Terminal-Context-Id"] == "chat:c1"
    assert headers["Authorization"] == f"Bearer {ada.token}" and headers["Cookie"] == "a=b"
    for chat in ("temporary:1", "local:1", "channel:1"):
        reply = await ada.get(f"{_T}/each/chats/{chat}/run")
        assert (reply.status, reply.json) == (409, {"error": "A saved chat is required for this terminal"})
    assert (await ada.get(f"{_T}/each/run")).status == 200, "without a chat nothing is said of one"
    reply = await ada.get(f"{_T}/none/run", headers={"x-session-id": "c1"})
    assert (reply.status, reply.json) == (403, {"error": "Terminal server is not available in chats"})
    assert (await ada.get(f"{_T}/policy/run", headers={"x-session-id": "c1"})).status == 200
    assert elsewhere.asked[-1][1] == "/p/a%2Fb/run" and "Authorization" not in elsewhere.asked[-1][2]
    assert elsewhere.asked[-1][2]["X-Session-Id"] == "c1"


async def test_who_may_and_where(ada: Person, bob: Person, anonymous: Person, elsewhere: Elsewhere) -> None:
    await _connect(
        ada,
        {"id": "mine", "url": elsewhere.url},
        {"id": "off", "url": elsewhere.url, "enabled": False},
        {"id": "nowhere", "url": ""},
        {"id": "dead", "url": "http://127.0.0.1:9"},
        {"id": "blank", "url": elsewhere.url, "policy_id": " "},
    )
    (await anonymous.get(f"{_T}/mine/x")).refused(401, "Not authenticated")
    for person, path, status, words in (
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
        async with person.http().get(aiohttp.client.URL(f"{person.url}{_T}/{path}", encoded=True)) as response:
            assert (response.status, await response.json()) == (status, {"error": words}), path
    reply = await ada.get(f"{_T}/dead/x")
    assert reply.status == 502 and reply.json["error"].startswith("Terminal proxy error")
    assert elsewhere.asked == []


def test_paths_are_cleaned() -> None:
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
    ws = await person.http().ws_connect(f"{person.url}{_T}/{server_id}/api/terminals/s%2F1")
    await ws.send_json(hello)
    return ws


async def test_a_terminal_in_the_page(server: Server, ada: Person, bob: Person, elsewhere: Elsewhere) -> None:
    told: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, told.append)
    await _connect(ada, {"id": "t", "url": elsewhere.url, "key": "k", "config": _everybody()})
    ws = await _socket(bob, "t", {"type": "auth", "token": bob.token, "chat_id": "c1"})
    await ws.send_str("hello")
    assert (await ws.receive(5)).data == "you said hello"
    await ws.send_bytes(b"\x01")
    assert (await ws.receive(5)).data == b"\x02"
    await ws.send_str("exit")
    assert (await ws.receive(5)).type is aiohttp.WSMsgType.CLOSE and ws.close_code == 1000
    method, path, headers, _ = elsewhere.asked[-1]
    assert (method, path) == ("WS", f"/api/terminals/s%2F1?user_id={bob.id}")
    assert headers["X-User-Id"] == bob.id and headers["X-Session-Id"] == "c1"
    assert elsewhere.heard[0] == '{"type": "auth", "token": "k"}'
    await asyncio.sleep(0.05)
    sessions = [one for one in told if one.event.startswith("terminal.")]
    assert [one.event for one in sessions] == ["terminal.session.opened", "terminal.session.closed"]
    assert sessions[0].subject_id == "s/1" and sessions[0].data == {"server_id": "t"}


async def test_who_may_not_have_a_terminal(ada: Person, bob: Person, elsewhere: Elsewhere) -> None:
    contexts = {"contexts": {"chat": False}}
    each = {"server_type": "orchestrator", "config": {"contexts": {"chat": {"context_id": "chat_id"}}}}
    await _connect(
        ada,
        {"id": "mine", "url": elsewhere.url},
        {"id": "never", "url": elsewhere.url, "server_type": "orchestrator", "config": contexts},
        {"id": "each", "url": elsewhere.url, **each},
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
    assert elsewhere.asked == []


async def test_a_server_that_opens_no_terminal_is_given_up(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "CONNECT_TIMEOUT", 0.2)
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    await _connect(ada, {"id": "t", "url": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"})
    ws = await _socket(ada, "t", {"type": "auth", "token": ada.token})
    assert (await ws.receive(5)).type is aiohttp.WSMsgType.CLOSE and len(writers) == 1
    silent.close()


async def test_who_may_no_longer_loses_the_terminal(
    ada: Person, bob: Person, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "ACCESS_CHECK_INTERVAL", 0.1)
    one = {"id": "t", "url": elsewhere.url, "key": "k", "config": _everybody()}
    await _connect(ada, one)
    ws = await _socket(bob, "t", {"type": "auth", "token": bob.token})
    await ws.send_str("hello")
    assert (await ws.receive(5)).data == "you said hello"
    await _connect(ada, {**one, "config": {}})
    message = await ws.receive(5)
    assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4003, "Access denied")
