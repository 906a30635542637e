"""A directory that breaks the rules of LDAP: it answers with what a script says, and records what it received."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

BIND_REQUEST, UNBIND_REQUEST, SEARCH_REQUEST, EXTENDED_REQUEST = 0x60, 0x42, 0x63, 0x77
BIND_RESPONSE, SEARCH_ENTRY, SEARCH_DONE, EXTENDED_RESPONSE = 0x61, 0x64, 0x65, 0x78
SUCCESS, SIZE_LIMIT_EXCEEDED, REFERRAL, UNAVAILABLE = 0, 4, 10, 52


def encode_element(tag: int, content: bytes) -> bytes:
    """Return an element of BER with a definite length."""
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x84" + size.to_bytes(4, "big")
    return bytes([tag]) + length + content


def encode_text(text: str | bytes) -> bytes:
    return encode_element(0x04, text.encode() if isinstance(text, str) else text)


def encode_result(tag: int, code: int, referral: str = "") -> bytes:
    """Return the result of an operation; `referral` is the address of another directory."""
    extra = encode_element(0xA3, encode_text(referral)) if referral else b""
    return encode_element(tag, encode_element(0x0A, bytes([code])) + encode_text("") + encode_text("") + extra)


def encode_entry(dn: str, attributes: dict[str, list[str | bytes]]) -> bytes:
    """Return an entry of a search."""
    parts = [
        encode_element(0x30, encode_text(name) + encode_element(0x31, b"".join(map(encode_text, values))))
        for name, values in attributes.items()
    ]
    return encode_element(SEARCH_ENTRY, encode_text(dn) + encode_element(0x30, b"".join(parts)))


class Exchange:
    """One connection, while a script answers a request."""

    def __init__(self, message_id: bytes, operation: int, writer: asyncio.StreamWriter) -> None:
        self.message_id = message_id
        self.operation = operation
        self._writer = writer

    async def send(self, *operations: bytes) -> None:
        """Send responses with the id of the request."""
        identifier = encode_element(0x02, self.message_id)
        await self.send_bytes(b"".join(encode_element(0x30, identifier + operation) for operation in operations))

    async def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


Script = Callable[[Exchange], Awaitable[None]]


async def answer_properly(exchange: Exchange) -> None:
    """Accept every bind, and know one user: anna."""
    if exchange.operation == BIND_REQUEST:
        await exchange.send(encode_result(BIND_RESPONSE, SUCCESS))
    elif exchange.operation == SEARCH_REQUEST:
        entry = encode_entry("uid=anna,dc=x", {"uid": ["anna"], "mail": ["anna@example.org"], "cn": ["Anna"]})
        await exchange.send(entry, encode_result(SEARCH_DONE, SUCCESS))


class FaultyDirectory:
    """A running directory: its port, the number of connections, and everything that it received."""

    def __init__(self, script: Script) -> None:
        self.port = 0
        self.connections = 0
        self.received = b""
        self._script = script

    def get_settings(self, **changes: object) -> dict[str, object]:
        """Return the administrator's page of settings for this directory, without TLS."""
        return {
            "label": "Faulty",
            "host": "127.0.0.1",
            "port": self.port,
            "app_dn": "cn=reader",
            "app_dn_password": "reader secret",
            "search_base": "dc=x",
            "use_tls": False,
            **changes,
        }

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readexactly(2)
                if head[0] != 0x30:  # such as the beginning of TLS
                    self.received += head
                    break
                size = head[1]
                if size >= 128:
                    size = int.from_bytes(await reader.readexactly(size - 128), "big")
                content = await reader.readexactly(size)
                self.received += content
                end = 2 + content[1]
                exchange = Exchange(content[2:end], content[end], writer)
                if exchange.operation == UNBIND_REQUEST:
                    break
                await self._script(exchange)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def run_faulty_directory(script: Script) -> AsyncIterator[FaultyDirectory]:
    """Run a directory that answers each request as the script says."""
    directory = FaultyDirectory(script)
    server = await asyncio.start_server(directory.handle, "127.0.0.1", 0)
    directory.port = server.sockets[0].getsockname()[1]
    try:
        yield directory
    finally:
        server.close()
