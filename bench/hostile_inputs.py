"""`python -m bench.hostile_inputs NAME URL TOKEN SECONDS`: send one kind of hostile input again and again.

It runs in its own process with a low priority. It prepares the input, prints a line, sends the input for some seconds,
and prints how often it did.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from tests.faulty_model_server import Fault, serve_faults

MEGABYTE = 1024 * 1024
SOCKET_PATH = "/ws/socket.io/?EIO=4&transport=websocket"
#: Seconds between two inputs of one sender: a machine with two cores also runs the server and its observer.
PAUSE = 0.1
Send = Callable[[], Awaitable[None]]
Input = Callable[["Target"], Awaitable[Send]]

INPUTS: dict[str, Input] = {}


class Target:
    """The server under attack, for a stranger and for a user who is signed in."""

    def __init__(self, url: str, token: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.headers = {"authorization": f"Bearer {token}"}
        self.token = token
        self.session = session

    async def send(self, method: str, path: str, *, data: Any = None, headers: dict[str, str] | None = None) -> None:
        """Send a request with any outcome, and read the response."""
        headers = {"content-type": "application/json", **(headers or {})}
        with suppress(aiohttp.ClientError, ConnectionError):
            async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
                async for _ in response.content.iter_any():
                    pass

    async def post(self, path: str, data: bytes) -> None:
        await self.send("POST", path, data=data, headers=self.headers)

    @asynccontextmanager
    async def open_socket(self, *, is_signed_in: bool) -> AsyncIterator[Any]:
        async with self.session.ws_connect(self.url + SOCKET_PATH, max_msg_size=0) as socket:
            await socket.receive(timeout=5)
            await socket.send_str("40" + (json.dumps({"token": self.token}) if is_signed_in else ""))
            await socket.receive(timeout=5)
            if is_signed_in:
                await socket.send_str("421" + json.dumps(["user-join", {"auth": {"token": self.token}}]))
                await socket.receive(timeout=5)
            yield socket


def register(name: str) -> Callable[[Input], Input]:
    def add(function: Input) -> Input:
        INPUTS[name] = function
        return function

    return add


def build_question(content: str, model: str = "demo-small", **more: Any) -> bytes:
    question = {"model": model, "messages": [{"role": "user", "content": content}], **more}
    return json.dumps(question).encode()


def repeat_request(target: Target, method: str, path: str, data: bytes | None, *, is_stranger: bool = False) -> Send:
    async def send() -> None:
        await target.send(method, path, data=data, headers={} if is_stranger else target.headers)

    return send


# -- texts ----------------------------------------------------------------------------------------------------------


@register("prompt variables, 64 KB")
async def send_prompt_variables(target: Target) -> Send:
    model = {"id": "hostile", "name": "Hostile", "base_model_id": "demo-small", "meta": {}}
    model["params"] = {"system": "{{ chat.variables.a |" + " " * 64_000 + "{{ chat.variables.a |" * 3000}
    await target.post("/api/v1/models/create", json.dumps(model).encode())
    body = json.dumps({"model": "hostile", "messages": [{"role": "user", "content": "Hi [[tokens 1]]"}]}).encode()
    return repeat_request(target, "POST", "/api/chat/completions", body)


@register("secrets in addresses, 32 KB, by strangers")
async def send_addresses(target: Target) -> Send:
    return repeat_request(target, "GET", "/api/v1/auths/?token=" + "token=" * 5000, None, is_stranger=True)


@register("sign-ins, 20 at once, by strangers")
async def send_sign_ins(target: Target) -> Send:
    async def sign_in(number: int) -> None:
        body = json.dumps({"email": f"user{number}@example.com", "password": "wrong password"}).encode()
        await target.send("POST", "/api/v1/auths/signin", data=body)

    async def send() -> None:
        await asyncio.gather(*map(sign_in, range(20)))

    return send


@register("NUL characters and integers of 100 digits")
async def send_edge_values(target: Target) -> Send:
    paths = [f"/api/v1/chats/?page={10**99}", "/api/v1/notes/search?query=%00", "/api/v1/chats/%00", "/cache/%00"]

    async def send() -> None:
        for path in paths:
            await target.send("GET", path, headers=target.headers)

    return send


# -- bodies -----------------------------------------------------------------------------------------------------------


@register("bodies of 120 MB blanks")
async def send_blanks(target: Target) -> Send:
    return repeat_request(target, "POST", "/api/chat/completions", b" " * (120 * MEGABYTE) + build_question("Hi"))


@register("bodies of 4 MB brackets")
async def send_brackets(target: Target) -> Send:
    body = b'{"chat":{"history":' + b"[" * (4 * MEGABYTE) + b"}}"
    return repeat_request(target, "POST", "/api/v1/chats/new", body)


@register("bodies of 60 MB small values")
async def send_small_values(target: Target) -> Send:
    body = b'{"chat":{"history":[' + b"[]," * (20 * MEGABYTE) + b"[]]}}"
    return repeat_request(target, "POST", "/api/v1/chats/new", body)


# -- model servers ----------------------------------------------------------------------------------------------------


class RepeatedPiece:
    """A piece of a body, sent a number of times."""

    def __init__(self, piece: bytes, count: int) -> None:
        self.piece = piece
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.piece] * self.count)


def compress_blanks() -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    compressed = b"".join(compressor.compress(b" " * MEGABYTE) for _ in range(200))
    return compressed + compressor.flush()


def list_faults() -> list[Fault]:
    """Return responses of model servers that are far too large."""
    text = "some words " * (20 * MEGABYTE // 11)
    delta = json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()
    blanks: Any = RepeatedPiece(b" " * MEGABYTE, 200)
    return [
        Fault(name="blanks", pieces=blanks, content_type="application/json", pause=0),
        Fault(name="bomb", pieces=(compress_blanks(),), content_type="application/json", content_encoding="gzip"),
        Fault(name="long-delta", pieces=(b"data: " + delta + b"\n\n", b"data: [DONE]\n\n"), pause=0),
    ]


async def _ask_faulty_model(target: Target, fault: str) -> Send:
    return repeat_request(target, "POST", "/api/v1/messages", build_question("Hi", max_tokens=9, model=fault))


@register("responses of 200 MB blanks")
async def send_blank_responses(target: Target) -> Send:
    return await _ask_faulty_model(target, "blanks")


@register("responses that unpack to 200 MB")
async def send_bombs(target: Target) -> Send:
    return await _ask_faulty_model(target, "bomb")


@register("deltas of 20 MB")
async def send_long_deltas(target: Target) -> Send:
    body = build_question("Hi", max_tokens=9, model="long-delta", stream=True)
    return repeat_request(target, "POST", "/api/v1/messages", body)


# -- sockets ----------------------------------------------------------------------------------------------------------


def _send_packets(target: Target, packet: str, *, is_signed_in: bool) -> Send:
    async def send() -> None:
        with suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
            async with target.open_socket(is_signed_in=is_signed_in) as socket:
                await socket.send_str(packet)
                await socket.send_str('429["user-join",{}]')
                while (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
                    pass

    return send


@register("packets of 16 MB, by strangers")
async def send_large_packets(target: Target) -> Send:
    return _send_packets(target, "42" + json.dumps(["usage", "x" * 16 * MEGABYTE]), is_signed_in=False)


@register("packets of 15 MB nested JSON")
async def send_nested_packets(target: Target) -> Send:
    return _send_packets(target, '42["usage",' + "[" * (15 * MEGABYTE) + "]", is_signed_in=True)


@register("packets of 15 MB small values")
async def send_packets_of_small_values(target: Target) -> Send:
    return _send_packets(target, '42["usage",[' + "[]," * (5 * MEGABYTE - 10) + "[]]]", is_signed_in=True)


@register("200 sockets at once, by strangers")
async def open_sockets(target: Target) -> Send:
    async def open_one() -> None:
        with suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
            async with target.open_socket(is_signed_in=False):
                await asyncio.sleep(1)

    async def send() -> None:
        await asyncio.gather(*(open_one() for _ in range(200)))

    return send


@register("200,000 empty frames, by strangers")
async def send_empty_frames(target: Target) -> Send:
    port = int(target.url.rsplit(":", 1)[1])
    head = (
        f"GET {SOCKET_PATH} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    pong = b"\x8a\x80\x00\x00\x00\x00"

    async def send() -> None:
        with suppress(ConnectionError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            await reader.readuntil(b"\r\n\r\n")
            writer.write(pong * 200_000)
            await asyncio.wait_for(writer.drain(), 10)
            writer.transport.abort()

    return send


@register("polling posts of 20 MB, by strangers")
async def send_polling_posts(target: Target) -> Send:
    async with target.session.get(f"{target.url}/ws/socket.io/?EIO=4&transport=polling") as response:
        session_id = json.loads((await response.text())[1:])["sid"]
    path = f"/ws/socket.io/?EIO=4&transport=polling&sid={session_id}"
    return repeat_request(target, "POST", path, b"4" * (20 * MEGABYTE), is_stranger=True)


@register("a page that does not read an answer")
async def leave_answers_unread(target: Target) -> Send:
    port = int(target.url.rsplit(":", 1)[1])

    async def send() -> None:
        body = build_question("Go [[tokens 20000]]", stream=True)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**10)
        head = f"POST /api/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {target.token}\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await reader.read(1)
        await asyncio.sleep(2)
        writer.transport.abort()

    return send


# -- large chats -----------------------------------------------------------------------------------------------------


async def _create_large_chat(target: Target) -> str:
    messages: dict[str, dict[str, Any]] = {}
    for number in range(2000):
        parent = f"m{number - 1}" if number else None
        role = "assistant" if number % 2 else "user"
        messages[f"m{number}"] = {"id": f"m{number}", "role": role, "content": "some words " * 1320, "parentId": parent}
        messages[f"m{number}"]["childrenIds"] = [f"m{number + 1}"] if number < 1999 else []
    chat = {"title": "Large", "models": ["demo-small"], "history": {"currentId": "m1999", "messages": messages}}
    body = json.dumps({"chat": chat}).encode()
    url = f"{target.url}/api/v1/chats/new"
    headers = {**target.headers, "content-type": "application/json"}
    async with target.session.post(url, data=body, headers=headers) as response:
        return str((await response.json())["id"])


@register("a chat of 29 MB, opened")
async def open_large_chat(target: Target) -> Send:
    return repeat_request(target, "GET", f"/api/v1/chats/{await _create_large_chat(target)}", None)


@register("a chat of 29 MB, edited")
async def edit_large_chat(target: Target) -> Send:
    chat_id = await _create_large_chat(target)

    async def send() -> None:
        body = json.dumps({"content": f"Changed {uuid.uuid4()}"}).encode()
        await target.post(f"/api/v1/chats/{chat_id}/messages/m1000", body)

    return send


# -- running ---------------------------------------------------------------------------------------------------------


async def run_input(name: str, url: str, token: str, seconds: float) -> int:
    """Send one kind of input for some seconds; return how often it was sent."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session:
        send = await INPUTS[name](Target(url, token, session))
        await send()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        until, count = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            await send()
            count += 1
            await asyncio.sleep(PAUSE)
        return count


async def serve_large_responses() -> None:
    """Serve the responses that are too large until standard input ends; print the address."""
    async with serve_faults(list_faults()) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    os.nice(10)
    if sys.argv[1:] == ["--model-server"]:
        asyncio.run(serve_large_responses())
    else:
        print(asyncio.run(run_input(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))), flush=True)
