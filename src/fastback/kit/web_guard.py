"""Restrict the addresses that the server calls on behalf of users: none inside its own network.

A name is checked where it is resolved for the connection itself, so that it cannot point elsewhere a moment later.
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

#: Never called: metadata services of clouds, and networks that are not public.
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
    """An address is invalid, or may not be called."""


class HostList:
    """A list of host names and networks."""

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
        """Return whether the host is a name of the list or below one, or in one of its networks."""
        host = host.strip().lower().rstrip(".")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return any(host == name or host.endswith(f".{name}") for name in self.names)
        return any(address in network for network in self.networks)


def _expand_embedded(address: Address) -> list[Address]:
    """Return the address, and the IPv4 addresses that are embedded in an IPv6 address."""
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
    """Check addresses. `entries` are allowed names and networks; those with `!` before them are blocked."""

    def __init__(self, entries: Iterable[str] = (), *, allow_local: bool = False) -> None:
        """With `allow_local` addresses inside the server's network may be called, except for those always blocked."""
        rules = [entry.strip() for entry in entries]
        self._allowed = HostList(entry for entry in rules if not entry.startswith("!"))
        self._blocked = HostList([*ALWAYS_BLOCKED, *(entry[1:] for entry in rules if entry.startswith("!"))])
        self._allow_local = allow_local

    def check_host(self, host: str) -> None:
        """Check a host name. Raises: BlockedAddress, where it is not allowed."""
        if self._allowed and not self._allowed.contains(host):
            raise BlockedAddress(host)
        if self._blocked.contains(host):
            raise BlockedAddress(host)

    def check_address(self, text: str) -> None:
        """Check an IP address. Raises: BlockedAddress, where it may not be called."""
        for address in _expand_embedded(ipaddress.ip_address(text.partition("%")[0])):
            if self._blocked.contains(str(address)) or not (self._allow_local or address.is_global):
                raise BlockedAddress(text)

    async def check_url(self, url: str) -> None:
        """Check a URL; its host name is resolved.

        Raises:
            BlockedAddress: its scheme is not HTTP or HTTPS, or its address may not be called.
        """
        host = self._parse_host(url)
        self.check_host(host)
        try:
            results = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            if self._allow_local:
                return  # a proxy may resolve the name
            raise BlockedAddress(url) from None
        for *_, sockaddr in results:
            self.check_address(str(sockaddr[0]))

    def _parse_host(self, url: str) -> str:
        # Characters on which URL parsers disagree.
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
        """Return a connector for clients that only call allowed addresses, also after redirects."""
        return _GuardedConnector(self, resolver=_GuardedResolver(self), **options)


class _GuardedResolver(AbstractResolver):
    """Resolve names, and refuse those with an address that may not be called."""

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
    """Check each connection: a numeric address is not resolved, and neither is the name of a reused connection."""

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
