"""Floods of strangers: the memory of the server stays bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import Person
from faults.server_process import ServerProcess, prepare_server

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

MEGABYTE = 1024 * 1024
#: Megabytes that the server may hold during and after a flood besides those before.
MOST_GROWTH = 20
_HANDSHAKE = (
    b"GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.fixture
async def server(database: str, upstream: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    env = {"OPENAI_API_BASE_URLS": f"{upstream}/v1", "OPENAI_API_KEYS": "k"}
    async with prepare_server(database, tmp_path, env) as process:
        await process.start()
        yield process


def read_memory(server: ServerProcess, name: str = "VmRSS") -> float:
    """Return a line of the process's status, in megabytes: the resident memory, or its peak (`VmHWM`)."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def require_bounded_memory(server: ServerProcess, before: float) -> None:
    assert read_memory(server, "VmHWM") - before < MOST_GROWTH
    assert read_memory(server) - before < MOST_GROWTH


async def prepare_user(server: ServerProcess) -> Person:
    """Sign a user up, and warm the server up."""
    ada = await server.sign_up()
    (await ada.get("/api/models")).ok()
    await asyncio.sleep(1)
    return ada


async def connect_stranger(server: ServerProcess) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rsplit(":", 1)[1]))
    writer.write(_HANDSHAKE)
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
    return writer


async def send_frames(writer: asyncio.StreamWriter, *frames: bytes) -> None:
    with suppress(ConnectionError):
        for frame in frames:
            writer.write(frame)
            await writer.drain()


def build_frame(opcode: int, payload: bytes, length: int | None = None) -> bytes:
    """Return a frame of a client; `length` is what it announces, if that is more than it sends."""
    announced = len(payload) if length is None else length
    return bytes((0x80 | opcode, 0xFF)) + announced.to_bytes(8, "big") + bytes(4) + payload


async def test_a_thousand_sockets_of_strangers(server: ServerProcess) -> None:
    ada = await prepare_user(server)
    before = read_memory(server)
    writers = []
    for _ in range(20):
        writers += await asyncio.gather(*(connect_stranger(server) for _ in range(50)))
    await asyncio.gather(*(send_frames(writer, build_frame(1, b"40")) for writer in writers))
    assert (await ada.get("/api/v1/auths/")).status == 200
    require_bounded_memory(server, before)
    for writer in writers:
        writer.close()
    await asyncio.sleep(1)
    require_bounded_memory(server, before)


async def test_strangers_send_large_frames_and_attachments(server: ServerProcess) -> None:
    await prepare_user(server)
    before = read_memory(server)
    writers = [await connect_stranger(server) for _ in range(40)]
    unfinished = build_frame(1, b"a" * 14 * MEGABYTE, 15 * MEGABYTE)
    await asyncio.gather(*(send_frames(writer, unfinished) for writer in writers[:20]))
    start = [build_frame(1, b"40"), build_frame(1, b'451000-["usage",{"_placeholder":true,"num":0}]')]
    attachments = [build_frame(2, b"x" * MEGABYTE)] * 20
    await asyncio.gather(*(send_frames(writer, *start, *attachments) for writer in writers[20:]))
    require_bounded_memory(server, before)
    for writer in writers:
        writer.close()
