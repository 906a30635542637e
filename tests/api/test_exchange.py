"""What surrounds every request: its id, its duration, its log line, compression, redirects of the page."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import brotli
import pytest

from conftest import Person, Server, run_server
from fastback.kit import log
from fastback.kit.http import compression
from fastback.kit.http.request_envelope import RequestEnvelope


@pytest.fixture
def database() -> str:
    """Run on SQLite only: nothing here depends on the database."""
    return "sqlite"


async def _fetch_compressed(person: Person, path: str, accepted: str) -> tuple[bytes, str | None]:
    headers = {"authorization": f"Bearer {person.token}", "accept-encoding": accepted}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(person.url + path, headers=headers) as response,
    ):
        return await response.read(), response.headers.get("content-encoding")


# Ids and times


async def test_a_response_has_its_duration_and_its_id(server: Server, ada: Person) -> None:
    ids = set()
    for path, status in (
        ("/api/version", 200),
        ("/api/v1/chats/no", 401),
        ("/api/nowhere", 404),
        ("/api/v1/auths/", 200),
    ):
        reply = await ada.get(path)
        assert reply.status == status
        assert re.fullmatch(r"\d+\.\d{6}", reply.headers["x-process-time"])
        ids.add(reply.headers["x-request-id"])
    assert len(ids) == 4


async def test_the_id_of_a_request_is_used_where_it_is_valid(server: Server, ada: Person) -> None:
    for request_id in ("7", "0a1b-2c3d", "Root=1-67891233-abcdef012345678912345678", "x" * 128):
        assert (await ada.get("/api/version", headers={"x-request-id": request_id})).headers[
            "x-request-id"
        ] == request_id
    for other in ("", "x" * 129, "two words", "caf\u00e9"):
        assigned = (await ada.get("/api/version", headers={"x-request-id": other})).headers["x-request-id"]
        assert assigned != other
        assert re.fullmatch(r"[0-9a-f]{16,}", assigned)


async def test_the_id_is_sent_once_also_to_other_origins(server: Server, ada: Person) -> None:
    headers = {"origin": "https://elsewhere.example", "x-request-id": "mine"}
    reply = await ada.get("/api/version", headers=headers)
    assert reply.headers.getall("x-request-id") == ["mine"]
    assert reply.headers["access-control-allow-origin"]
    assert "origin" in ", ".join((await ada.get("/api/version")).headers.getall("vary")).lower()


async def test_a_relayed_response_has_our_id(server: Server, ada: Person) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    reply = await ada.post("/api/chat/completions", body, headers={"x-request-id": "mine"})
    assert reply.status == 200
    assert reply.headers.getall("x-request-id") == ["mine"]


async def test_an_unexpected_failure_is_a_response_with_an_id(caplog: pytest.LogCaptureFixture) -> None:
    started = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("what now?")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    envelope = RequestEnvelope(app, cors=app, headers=[(b"x-frame-options", b"DENY")])
    scope = {"type": "http", "method": "GET", "path": "/a b", "raw_path": b"/a%20b?token=hush", "headers": []}
    await envelope(scope, None, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 500
    assert {b"x-request-id", b"x-frame-options"} <= {name for name, _ in sent[0]["headers"]}
    assert sent[1]["body"] == b'{"detail":"Internal Server Error"}'
    assert caplog.messages == ["GET /a%20b failed"]
    started = True
    with pytest.raises(RuntimeError):  # half a response cannot be withdrawn: the connection is aborted
        await envelope(scope, None, send)  # type: ignore[arg-type]


# Logs


@pytest.fixture
def capture_log() -> Iterator[Any]:
    """Return a function that configures logging as the server does, and returns what is written."""
    root, ours = logging.getLogger(), logging.getLogger("fastback")
    before = root.handlers[:], root.level, ours.level

    class Sheet:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None: ...

    sheet = Sheet()

    def set_up(level: str, form: str = "") -> Sheet:
        log.configure_logging(level, form)
        (handler,) = root.handlers
        handler.setStream(sheet)  # type: ignore[attr-defined]
        return sheet

    yield set_up
    root.handlers[:], level, own = before
    root.setLevel(level)
    ours.setLevel(own)


async def test_each_log_line_of_a_request_has_its_id(server: Server, ada: Person, capture_log: Any) -> None:
    sheet = capture_log("DEBUG", "json")
    headers = {"x-request-id": "find-me", "x-forwarded-for": "198.51.100.7"}
    reply = await ada.get("/api/v1/chats/", headers=headers, page=1)
    assert reply.status == 200
    lines = [json.loads(line) for line in sheet.text.splitlines()]
    request_lines = [line for line in lines if line.get("request_id") == "find-me"]
    (line,) = [line["message"] for line in request_lines if line["logger"] == "fastback.access"]
    assert re.fullmatch(r"GET /api/v1/chats/ 200 in \d+\.\d ms for 198\.51\.100\.7", line)


async def test_requests_are_logged_only_at_debug(server: Server, ada: Person, capture_log: Any) -> None:
    sheet = capture_log("INFO")
    await ada.get("/api/version")
    # The server may be creating its indexes in the background.
    assert [line for line in sheet.text.splitlines() if " db: creating the index " not in line] == []


def test_levels_of_the_log(capture_log: Any) -> None:
    ours, others = logging.getLogger("fastback.tests"), logging.getLogger("library")
    for level, expected in (
        ("DEBUG", ["debug", "info", "warning", "other info"]),
        ("INFO", ["info", "warning"]),
        ("WARNING", ["warning"]),
        ("CRITICAL", []),
    ):
        sheet = capture_log(level, "json")
        sheet.text = ""
        ours.debug("debug")
        ours.info("info")
        ours.warning("warning")
        others.debug("other debug")
        others.info("other info")
        assert [json.loads(line)["message"] for line in sheet.text.splitlines()] == expected


SECRETS = ("correct horse battery", "Zx81-very-secret", "sk-0123456789abcdef0123456789abcdef", "hunter2")


async def test_no_secret_is_written_at_any_level(tmp_path: Path, upstream: str, capture_log: Any) -> None:
    """Sign in, use keys, sockets and an unreachable model server: no secret reaches the log."""
    sheet = capture_log("DEBUG")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        unreachable = f"http://user:hunter2@127.0.0.1:{closed.getsockname()[1]}/v1"
        env = {
            "OPENAI_API_BASE_URLS": f"{upstream}/v1;{unreachable}",
            "OPENAI_API_KEYS": "Zx81-very-secret;Zx81-very-secret",
            "ENABLE_OLLAMA_API": "false",
            "WEBSOCKET_SERVER_LOGGING": "true",
            "ENABLE_API_KEYS": "true",
        }
        async with run_server(env, tmp_path, "sqlite") as server:
            ada = await server.sign_up("Ada")
            body = {"email": "ada@example.com", "password": "correct horse battery"}
            await server.stranger().post("/api/v1/auths/signin", body)
            key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
            await server.stranger().get("/api/models", headers={"x-api-key": key})
            await server.stranger().get("/api/models?token=Zx81-very-secret", headers={"cookie": f"token={ada.token}"})
            await ada.post("/openai/verify", {"url": unreachable, "key": "Zx81-very-secret"})
            await ada.post("/api/chat/completions", {"model": "demo-small", "messages": [], "stream": True})
            await _socket_sign_in(server, ada)
            try:
                raise RuntimeError(f"GET {unreachable} with Authorization: Bearer {ada.token}")
            except RuntimeError:
                logging.getLogger("fastback.http").exception("failed with api_key=%s", key)
        token, name = str(ada.token), key
    assert "fastback.access" not in sheet.text
    assert "access: POST /api/v1/auths/signin 200" in sheet.text
    assert "sockets" in sheet.text
    for secret in (*SECRETS[:2], SECRETS[3], token, token.rpartition(".")[2], name):
        assert secret not in sheet.text


async def _socket_sign_in(server: Server, person: Person) -> None:
    import socketio

    client = socketio.AsyncClient()
    await client.connect(
        server.url,
        socketio_path="/ws/socket.io",
        wait_timeout=10,
        transports=["websocket"],
        auth={"token": person.token},
    )
    await client.call("user-join", {"auth": {"token": person.token}}, timeout=5)
    await client.disconnect()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Basic YWRhOnNlY3JldA==", "Authorization: "),
        ("cookie: theme=dark; token=eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.c2lnbmF0dXJl", "cookie: "),
        ("https://api.example/v1?api_key=abcdefgh&x=1", "https://api.example/v1?api_key="),
        ('{"password": "s3cret, with a comma", "email": "a@b.c"}', '"email": "a@b.c"}'),
        ("cannot connect to postgresql://fastback:p4ss%40word@db/chats", "postgresql://fastback:"),
        ("redis://:p4ssword@cache:6379/0 refused", "@cache:6379/0 refused"),
        ("key sk-proj-AbCdEf0123456789 is wrong", "key sk-"),
        ("GET /oauth/oidc/callback?code=abcdefgh&state=p4ss&iss=x", "?code=[secret]&state=[secret]&iss=x"),
        ("JWT eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.c2lnbmF0dXJl ended", "JWT "),
    ],
)
def test_credentials_are_redacted(text: str, expected: str) -> None:
    redacted = log.redact_secrets(text)
    assert expected in redacted
    for secret in ("YWRh", "c2lnbmF0dXJl", "abcdefgh", "s3cret", "p4ss", "AbCdEf"):
        assert secret not in redacted


def test_ordinary_lines_are_not_redacted() -> None:
    for text in (
        "ready on http://localhost:8080",
        "max_tokens: 100, prompt_tokens=7",
        "no models from https://api.example/v1: it did not answer in time",
        "made a new database at revision 0bd252b206fb",
        "http://[::1]:8080/a@b",
    ):
        assert log.redact_secrets(text) == text


def test_long_lines_are_cut_without_cutting_a_secret() -> None:
    for secret in (
        "postgresql://ada:p4ssword@db",
        "Bearer abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.c2lnbmF0",
    ):
        for position in range(7950, 8010, 7):
            record = logging.LogRecord("fastback", 30, "", 0, "x" * position + " " + secret + "y" * 70_000, None, None)
            text = log.TextFormatter(colour=False).format(record)
            assert len(text) < 8200 and text.endswith(" characters)")
            assert not any(part in text for part in ("p4s", "Bearer abc", "eyJpZCI6", "c2ln"))


def test_log_lines_cannot_be_forged() -> None:
    record = logging.LogRecord("fastback", 30, "", 0, "GET %s failed", ("/a\n12:00:00 ERROR forged\x1b[2J",), None)
    text = log.TextFormatter(colour=False).format(record)
    assert "\n" not in text
    assert "\x1b" not in text


# Compression


async def test_large_responses_are_compressed_as_the_client_accepts(server: Server, ada: Person) -> None:
    for number in range(40):
        (await ada.post("/api/v1/folders/", {"name": f"Folder {number}"})).ok()
    plain, encoding = await _fetch_compressed(ada, "/api/v1/folders/", "identity")
    assert encoding is None
    for accepted, expected in (
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip", "gzip"),
        ("gzip", "gzip"),
        ("*", "br"),
        ("deflate", None),
        ("br;q=0.0, gzip;q=0", None),
    ):
        content, encoding = await _fetch_compressed(ada, "/api/v1/folders/", accepted)
        assert encoding == expected, accepted
        if expected == "br":
            content = brotli.decompress(content)
        elif expected == "gzip":
            content = zlib.decompress(content, 31)
        assert content == plain


async def test_very_large_responses_are_compressed_outside_the_event_loop(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_main_thread: list[bool] = []
    compress = compression._COMPRESSORS["br"]

    def pack(content: bytes) -> bytes:
        in_main_thread.append(threading.current_thread() is threading.main_thread())
        return compress(content)

    monkeypatch.setitem(compression._COMPRESSORS, "br", pack)
    for length in (compression.LARGEST_INLINE // 2, compression.LARGEST_INLINE * 2):
        chat = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Long", "note": "n" * length}})).ok()
        in_main_thread.clear()
        await _fetch_compressed(ada, f"/api/v1/chats/{chat['id']}", "br")
        assert in_main_thread == [length < compression.LARGEST_INLINE]


async def test_streams_are_never_compressed(server: Server, ada: Person) -> None:
    body = {"model": "demo-small", "messages": [{"role": "user", "content": "Go [[tokens 900]]"}], "stream": True}
    reply = await ada.post("/api/chat/completions", body, headers={"accept-encoding": "br, gzip"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "content-encoding" not in reply.headers
    assert b"[DONE]" in reply.body

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"content-length", b"8000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: x\n" * 1000})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"accept-encoding", b"br")]}
    await compression.CompressionMiddleware(app)(scope, None, send)  # type: ignore[arg-type]
    assert sent[1]["body"] == b"data: x\n" * 1000


async def test_compression_can_be_switched_off(tmp_path: Path) -> None:
    async with run_server({"ENABLE_COMPRESSION_MIDDLEWARE": "false"}, tmp_path, "sqlite") as server:
        ada = await server.sign_up("Ada")
        assert (await _fetch_compressed(ada, "/api/config", "br, gzip"))[1] is None


# Addresses of the page


ADDRESSES = {
    "/watch?v=dQw4w9WgXcQ": "/?youtube=dQw4w9WgXcQ",
    "/watch?v=short&t=3": "/?youtube=short",
    "/?shared=what+is+new": "/?q=what+is+new",
    "/?shared=https://youtu.be/dQw4w9WgXcQ": "/?youtube=dQw4w9WgXcQ",
    "/?shared=https://www.youtube.com/watch?v%3DdQw4w9WgXcQ%26t%3D3": "/?youtube=dQw4w9WgXcQ",
    "/?shared=https://news.example/a?b%3D1+and+more": "/?load-url=https%3A%2F%2Fnews.example%2Fa%3Fb%3D1",
    "/watch": None,
    "/?shared=": None,
    "/api/version?shared=x": None,
}


async def test_addresses_that_redirect_to_a_question(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        for address, target in ADDRESSES.items():
            async with session.get(f"{server.url}{address}", allow_redirects=False) as response:
                assert response.headers.get("location") == target
                assert (response.status == 307) == (target is not None)


async def test_a_manifest_may_come_from_another_server(tmp_path: Path, external_manifest: str) -> None:
    async with run_server({"EXTERNAL_PWA_MANIFEST_URL": external_manifest}, tmp_path, "sqlite") as server:
        assert (await server.stranger().get("/manifest.json")).ok() == {"name": "Elsewhere"}
    async with run_server({"EXTERNAL_PWA_MANIFEST_URL": "http://127.0.0.1:9/m"}, tmp_path / "b", "sqlite") as server:
        (await server.stranger().get("/manifest.json")).refused(502)


@pytest.fixture
async def external_manifest() -> AsyncIterator[str]:
    from aiohttp import web

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"name": "Elsewhere"})

    app = web.Application()
    app.router.add_get("/m.json", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/m.json"
    await runner.cleanup()


async def test_a_websocket_request_without_upgrade_is_refused(server: Server) -> None:
    reply = await server.stranger().get("/ws/socket.io/", EIO=4, transport="websocket")
    reply.refused(400, "Invalid WebSocket upgrade request")
