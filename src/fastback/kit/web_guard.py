"""Which addresses on the web the server may call when somebody else names them: none inside of our own network.

A name is judged where it is resolved for the connection itself, so that it cannot point elsewhere a moment later.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Never called, wherever they lead: metadata services of clouds, and networks that end nowhere in public.
ALWAYS_BLOCKED = (
    "169.254.169.254",
    "fd00:ec2::254",
    "metadata.google.internal",
    "metadata.azure.com",
    "100.100.100.200",
    "168.63.129.16",
    "192.88.99.0/24",
    "224.0.0.0/4",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100:0:0:1::/64",
    "2001:1::1",
    "2001:1::2",
    "2001:20::/28",
    "2001:30::/28",
    "5f00::/16",
    "fec0::/10",
    "ff00::/8",
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]", re.IGNORECASE)
_SIMPLE_NAME = re.compile(_LABEL, re.IGNORECASE)


class BlockedAddress(ValueError):
    """An address that is none, or that may not be called."""


class HostList:
    """Names and networks of a list."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.names: set[str] = set()
        self.networks: list[Network] = []
        for entry in entries:
            text = entry.strip().lower().rstrip(".")
            try:
                self.networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                self.names.add(text)
        self.names.discard("")

    def __bool__(self) -> bool:
        return bool(self.names or self.networks)

    def contains(self, host: str) -> bool:
        """Whether the host is one of them, lies below a name, or in a network."""
        host = host.strip().lower().rstrip(".")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return any(host == name or host.endswith(f".{name}") for name in self.names)
        return any(address in network for network in self.networks)


def _expand_embedded(address: Address) -> list[Address]:
    """The address, and those of IPv4 that one of IPv6 carries."""
    addresses: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        packed = address.packed
        addresses += [
            embedded
            for embedded in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
            if embedded is not None
        ]
        if packed[:12] in (b"\x00" * 12, b"\x00\x64\xff\x9b" + b"\x00" * 8):
            addresses.append(ipaddress.IPv4Address(packed[12:]))
        elif packed[:6] == b"\x00\x64\xff\x9b\x00\x01":
            addresses.append(ipaddress.IPv4Address(bytes((packed[6], packed[7], packed[9], packed[10]))))
    return addresses


class WebGuard:
    """Judges addresses. `entries` are allowed names and networks, blocked ones with `!` before them."""

    def __init__(self, entries: Iterable[str] = (), *, allow_local: bool = False) -> None:
        """With `local` addresses inside of our own network may be called, except for those always blocked."""
        rules = [entry.strip() for entry in entries]
        self._allowed = HostList(entry for entry in rules if not entry.startswith("!"))
        self._blocked = HostList([*ALWAYS_BLOCKED, *(entry[1:] for entry in rules if entry.startswith("!"))])
        self._allow_local = allow_local

    def check_host(self, host: str) -> None:
        """Raises: BlockedAddress, for a name that is not allowed."""
        if self._allowed and not self._allowed.contains(host):
            raise BlockedAddress(host)
        if self._blocked.contains(host):
            raise BlockedAddress(host)

    def check_address(self, text: str) -> None:
        """Raises: BlockedAddress, for an IP address that may not be called."""
        for address in _expand_embedded(ipaddress.ip_address(text.partition("%")[0])):
            if self._blocked.contains(str(address)) or not (self._allow_local or address.is_global):
                raise BlockedAddress(text)

    async def check_url(self, url: str) -> None:
        """Judge a URL; its name is resolved.

        Raises:
            BlockedAddress: it is none of HTTP, or leads where nobody may send us.
        """
        host = self._parse_host(url)
        self.check_host(host)
        try:
            results = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            if self._allow_local:
                return  # a proxy may know the name
            raise BlockedAddress(url) from None
        for *_, sockaddr in results:
            self.check_address(str(sockaddr[0]))

    def _parse_host(self, url: str) -> str:
        # Characters that programs which take URLs apart disagree about.
        if any(char in "\\" or char.isspace() or ord(char) < 32 for char in url):
            raise BlockedAddress(url)
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise BlockedAddress(url) from None
        if parts.scheme not in ("http", "https") or not host:
            raise BlockedAddress(url)
        try:
            ipaddress.ip_address(host)
        except ValueError:
            try:
                name = host.encode("idna").decode()
            except UnicodeError:
                raise BlockedAddress(url) from None
            if not (_NAME.fullmatch(name) or (self._allow_local and _SIMPLE_NAME.fullmatch(name))):
                raise BlockedAddress(url) from None
        return host

    def make_connector(self, **options: Any) -> aiohttp.TCPConnector:
        """What a client connects with that calls nobody it may not, redirects included."""
        return _GuardedConnector(self, resolver=_GuardedResolver(self), **options)


class _GuardedResolver(AbstractResolver):
    """Resolves names, and refuses those that lead where they must not."""

    def __init__(self, guard: WebGuard) -> None:
        self._guard = guard
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = await self._inner.resolve(host, port, family)
        for result in results:
            self._guard.check_address(result["host"])
        return results

    async def close(self) -> None:
        await self._inner.close()


class _GuardedConnector(aiohttp.TCPConnector):
    """Addresses that are written as numbers never come to a resolver, and kept connections do not either."""

    def __init__(self, guard: WebGuard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = guard

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        host = str(req.url.host or "")
        self._guard.check_host(host)
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            self._guard.check_address(host)
        return await super().connect(req, traces, timeout)
