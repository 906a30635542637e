"""Clients that send too much, too slowly, or read nothing: each is refused clearly, and others go on."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from conftest import Person, Server
from waiting import wait_until

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

MEGABYTE = 1024 * 1024


class Connection:
    """A TCP connection that sends bytes as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_refusal(self) -> tuple[int, str]:
        """Return the status and the detail of the last response on this connection."""
        data = await asyncio.wait_for(self.reader.read(-1), 10)
        head, _, body = data.partition(b"\r\n\r\n")
        assert b"connection: close" in head
        return int(head.split()[1]), json.loads(body)["detail"]


@asynccontextmanager
async def connect(server: Server, *, receive_bytes: int | None = None) -> AsyncIterator[Connection]:
    client = socket.socket()
    if receive_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.setblocking(False)
    host, port = server.url.removeprefix("http://").split(":")
    await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=client, limit=receive_bytes or 65_536)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


class TestSizes:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_MAX_HEADER_KB": "8"}

    @pytest.mark.parametrize(
        "head",
        [
            b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 9_000 + b"\r\n\r\n",
            b"GET /health?" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(1_000)) + b"\r\n",
            b"GET /health HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"x" * 9_000,
            b"GET /" + b"x" * 9_000,
        ],
        ids=["header", "query", "many headers", "endless header", "endless path"],
    )
    async def test_large_heads_are_refused(self, server: Server, ada: Person, head: bytes) -> None:
        async with connect(server) as connection:
            await connection.send(head)
            refusal = await connection.read_refusal()
        assert refusal == (431, "Request headers are too large: 8192 bytes at most")
        assert (await ada.get("/api/v1/auths/")).status == 200

    async def test_endless_trailers_are_refused(self, server: Server, ada: Person) -> None:
        async with connect(server) as connection:
            head = b"POST /api/v1/auths/signin HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            await connection.send(head)
            await asyncio.sleep(0.05)
            await connection.send(b"1\r\n{\r\n0\r\nX-Trailer: ")
            refusal = asyncio.create_task(connection.read_refusal())
            while not refusal.done():
                await connection.send(b"x" * 1_000)
                await asyncio.wait([refusal], timeout=0.01)
            assert (await refusal)[0] == 431

    async def test_a_client_that_sends_a_large_body_first_gets_the_refusal(self, server: Server, ada: Person) -> None:
        size = 20 * MEGABYTE
        lines = ("POST /api/v1/prompts/create HTTP/1.1", "Host: x", f"Authorization: Bearer {ada.token}")
        head = "\r\n".join((*lines, "Content-Type: application/json", f"Content-Length: {size}", "", ""))
        async with connect(server) as connection:
            await connection.send(head.encode())
            for _ in range(20):
                await connection.send(b" " * MEGABYTE)
            assert await connection.read_refusal() == (413, "Request body is too large: 4194304 bytes at most")

    async def test_smaller_heads_and_large_bodies_are_not(self, server: Server, ada: Person) -> None:
        headers = {"x-long": "x" * 7_000}
        (await ada.post("/api/v1/chats/new", {"chat": {"note": "x" * 200_000}}, headers=headers)).ok()
        async with connect(server) as connection:
            for _ in range(3):
                await connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 7_000 + b"\r\n\r\n")
                assert (await connection.reader.readuntil(b"true}")).startswith(b"HTTP/1.1 200")

    async def test_a_few_requests_may_wait_for_a_response_and_no_flood(self, server: Server, ada: Person) -> None:
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        async with connect(server) as connection:
            await connection.send(request * 20)
            for _ in range(20):
                assert (await connection.reader.readuntil(b"true}")).startswith(b"HTTP/1.1 200")
        async with connect(server) as connection:
            await connection.send(request * 5_000)
            try:
                data = await asyncio.wait_for(connection.reader.read(-1), 10)
            except ConnectionError:
                data = b""
            assert data.count(b"HTTP/1.1 200") < 5_000


class TestTimes:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {
            "FASTBACK_HEADER_TIMEOUT": "0.5",
            "FASTBACK_BODY_TIMEOUT": "0.6",
            "FASTBACK_RESPONSE_TIMEOUT": "1.5",
        }

    async def test_a_slow_head_is_refused(self, server: Server, ada: Person) -> None:
        async with connect(server) as connection, connect(server) as silent, connect(server) as reused:
            await reused.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            await reused.reader.readuntil(b"true}")
            for part in (b"GET /health", b" HTTP/1.1\r\n", b"Host: x\r\n"):
                for slow in (connection, reused):
                    await slow.send(part)
                await asyncio.sleep(0.1)
            for slow in (connection, reused):
                assert await slow.read_refusal() == (408, "The request was not sent in time")
            assert await asyncio.wait_for(silent.reader.read(-1), 10) == b""

    @pytest.mark.parametrize("head", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
    async def test_a_slow_body_is_refused(self, server: Server, ada: Person, head: bytes) -> None:
        lines = [b"POST /api/v1/chats/new HTTP/1.1", b"Host: x", b"Content-Type: application/json", head]
        lines.append(b"Authorization: Bearer " + str(ada.token).encode())
        piece = b"{" if b"Length" in head else b"1\r\n{\r\n"
        async with connect(server) as connection:
            await connection.send(b"\r\n".join(lines) + b"\r\n\r\n")
            refusal = asyncio.create_task(connection.read_refusal())
            while not refusal.done():
                await connection.send(piece)
                await asyncio.wait([refusal], timeout=0.05)
            assert await refusal == (408, "The request was not sent in time")
        assert (await ada.get("/api/v1/chats/")).ok() == []

    async def test_a_long_upload_that_goes_on_is_not_refused(self, server: Server, ada: Person) -> None:
        async def generate() -> AsyncIterator[bytes]:
            yield b'{"chat": {"title": "Slow", "note": "'
            for _ in range(15):
                await asyncio.sleep(0.1)
                yield b"x" * 4_000
            yield b'"}}'

        headers = {"content-type": "application/json"}
        chat = (await ada.post("/api/v1/chats/new", data=generate(), headers=headers)).ok()
        assert len(chat["chat"]["note"]) == 60_000

    async def test_a_client_that_reads_nothing_is_cut_off(self, server: Server, ada: Person) -> None:
        size = 20 * MEGABYTE
        chat = (await ada.post("/api/v1/chats/new", {"chat": {"note": "x" * size}})).ok()
        lines = (f"GET /api/v1/chats/{chat['id']} HTTP/1.1", "Host: x", f"Authorization: Bearer {ada.token}", "", "")
        async with connect(server, receive_bytes=4096) as silent, connect(server, receive_bytes=65_536) as slow:
            for connection in (silent, slow):
                await connection.send("\r\n".join(lines).encode())
            await silent.reader.readuntil(b"\r\n\r\n")
            assert isinstance(silent.writer.transport, asyncio.ReadTransport)
            silent.writer.transport.pause_reading()
            received = 0
            for _ in range(60):  # longer than the limit
                received += len(await slow.reader.read(65_536))
                await asyncio.sleep(0.05)
            while received < size:
                data = await asyncio.wait_for(slow.reader.read(MEGABYTE), 10)
                assert data, "a client that reads was cut off"
                received += len(data)
            silent.writer.transport.resume_reading()
            received = 0
            with suppress(ConnectionError):
                while data := await asyncio.wait_for(silent.reader.read(MEGABYTE), 10):
                    received += len(data)
            assert received < size
        assert (await ada.get("/api/v1/auths/")).status == 200


class TestConnections:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_MAX_CONNECTIONS": "3"}

    async def test_connections_are_bounded(self, server: Server) -> None:
        async with connect(server), connect(server):
            async with connect(server), connect(server) as refused:
                data = await asyncio.wait_for(refused.reader.read(-1), 10)
            assert data.startswith(b"HTTP/1.1 503") and b"retry-after: 10" in data
            await wait_until(lambda: self._is_answered(server))

    async def _is_answered(self, server: Server) -> Any:
        async with connect(server) as connection:
            await connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            return b" 200 " in await connection.reader.readline()
