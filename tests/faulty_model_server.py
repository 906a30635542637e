"""A model server that misbehaves: its models are the faults of a catalogue, each answers with the bytes of its fault.

It speaks plain HTTP over a socket, so that it can do what a library would not: cut a chunk anywhere, name a wrong type,
break off without an end. OpenAI's protocol is below `/v1`, the Responses API below `/responses/v1`, Ollama's at its
root.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

#: Seconds between two pieces, so that each arrives by itself.
PAUSE = 0.002


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to misbehave, and what must become of it.

    Attributes:
        name: also the id of the model.
        pieces: what the server sends after its head, each piece by itself.
        pause: seconds between two pieces, and before the end.
        breaks: whether the connection is cut after the pieces, without the end of the response.
        text, reasoning: what the answer consists of.
        calls: names and arguments of the tool calls.
        usage: tokens of the question and of the answer.
        error: what a person reads where the answer ends with an error.
    """

    name: str
    pieces: tuple[bytes, ...]
    protocol: str = "openai"
    content_type: str = "text/event-stream"
    content_encoding: str = ""
    status: int = 200
    pause: float = PAUSE
    breaks: bool = False
    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    usage: tuple[int, int] | None = None
    error: str | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


class FaultyModelServer:
    """The connections of one server."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = {fault.name: fault for fault in faults}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            path = lines[0].split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if (body and "/chat" in path) or path.endswith("/responses"):
                await self._send_fault(writer, self._faults[json.loads(body)["model"]])
            else:
                await self._send_json(writer, self._list_models(path))
        writer.close()

    def _list_models(self, path: str) -> object:
        if path == "/api/tags":
            return {"models": [{"name": name, "model": name} for name in self._list_names("ollama")]}
        if path.startswith("/api/"):
            return {"version": "0.12.0", "models": []}
        protocol = "responses" if path.startswith("/responses/") else "openai"
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in self._list_names(protocol)]}

    def _list_names(self, protocol: str) -> list[str]:
        return [fault.name for fault in self._faults.values() if fault.protocol == protocol]

    async def _send_json(self, writer: asyncio.StreamWriter, value: object) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
        await writer.drain()

    async def _send_fault(self, writer: asyncio.StreamWriter, fault: Fault) -> None:
        head = f"HTTP/1.1 {fault.status} X\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
        if fault.content_type:
            head += f"content-type: {fault.content_type}\r\n"
        if fault.content_encoding:
            head += f"content-encoding: {fault.content_encoding}\r\n"
        writer.write(head.encode() + b"\r\n")
        for piece in fault.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(fault.pause)
        if not fault.breaks:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


@asynccontextmanager
async def serve_faults(faults: Iterable[Fault]) -> AsyncIterator[str]:
    """Run the server while the context is open, and yield its address."""
    server = await asyncio.start_server(FaultyModelServer(faults).handle, "127.0.0.1", 0, limit=2**20)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
