"""Fetching from addresses that people name, without letting them reach into private networks.

A name is looked up once, and the connection goes to the address that was judged: a name that changes in between
gains nothing.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fastback import messages
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

log = logging.getLogger("fastback.fetch")

#: Never fetched from: clouds tell machines their secrets there, or the address is no public place.
_ALWAYS_BLOCKED = (
    *("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"),
    *("metadata.google.internal", "metadata.azure.com"),
    *("192.88.99.0/24", "224.0.0.0/4"),
    *("::ffff:0:0:0/96", "64:ff9b:1::/48", "100:0:0:1::/64", "2001:1::1", "2001:1::2", "2001:20::/28", "2001:30::/28"),
    "5f00::/16",
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(ValueError):
    """An address that is not fetched from; the text is what the person is told."""

    def __init__(self) -> None:
        super().__init__(messages.INVALID_URL)


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        return None


def _inside(address: Address) -> list[Address]:
    """The address, and those of the older kind that it carries."""
    if not isinstance(address, ipaddress.IPv6Address):
        return [address]
    found: list[Address | None] = [address, address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    packed = address.packed
    if packed[:12] in (bytes(12), b"\x00\x64\xff\x9b" + bytes(8)):
        found.append(ipaddress.IPv4Address(packed[12:]))
    elif packed[:6] == b"\x00\x64\xff\x9b\x00\x01":
        found.append(ipaddress.IPv4Address(bytes((packed[6], packed[7], packed[9], packed[10]))))
    return [one for one in found if one is not None]


def _matches(host: str, pattern: str) -> bool:
    """Whether a host is the pattern's or below it; for addresses, whether it lies in the pattern's range."""
    address = _address(host)
    try:
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        host, pattern = host.lower().rstrip("."), pattern.lower().strip(".").removeprefix("*.")
        return address is None and (host == pattern or host.endswith("." + pattern))
    return address is not None and address in network


class WebGuard:
    """Judges addresses, and makes clients that connect to none but those it lets pass."""

    def __init__(self, settings: Settings) -> None:
        entries = [one.strip() for one in settings.web_fetch_filter_list.split(",") if one.strip()]
        self._blocked = [*_ALWAYS_BLOCKED, *(one[1:].strip() for one in entries if one.startswith("!"))]
        self._allowed = [one for one in entries if not one.startswith("!")]
        self._private = settings.enable_local_web_fetch
        self._settings = settings

    def check(self, url: str) -> None:
        """Raises: Refused, for what is no plain address of HTTP, and for a host that is not fetched from."""
        if any(char in url for char in "\\\t\r\n "):
            raise Refused  # programs disagree about which host such an address names
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise Refused from None
        if parts.scheme not in ("http", "https") or not host:
            raise Refused
        address = _address(host)
        if address is None and "." not in host and not self._private:
            raise Refused
        if self._allowed and not any(_matches(host, one) for one in self._allowed):
            raise Refused
        self.check_host(host)
        if address is not None:
            self.check_addresses([host])

    def check_host(self, host: str) -> None:
        """Raises: Refused."""
        if any(_matches(host, one) for one in self._blocked):
            log.warning("%s is not fetched from", host)
            raise Refused

    def check_addresses(self, found: Iterable[str]) -> None:
        """Raises: Refused, when one of the addresses is private or blocked."""
        for text in found:
            address = _address(text)
            if address is None:
                raise Refused
            for one in _inside(address):
                self.check_host(str(one))
                if not self._private and not one.is_global:
                    log.warning("%s is not fetched from: no public address", one)
                    raise Refused

    def client(self, *, seconds: float) -> aiohttp.ClientSession:
        """A client for one errand, without cookies and proxies. Call `check` for each address before it goes there."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_Judging(self), ssl=client_ssl(self._settings)),
            timeout=aiohttp.ClientTimeout(total=seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )


class _Judging(AbstractResolver):
    """Looks names up and lets pass what the guard lets pass. Addresses that are no names never come here."""

    def __init__(self, guard: WebGuard) -> None:
        self._guard = guard
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._resolver.resolve(host, port, family)
        except (OSError, UnicodeError):
            raise Refused from None
        self._guard.check_addresses(one["host"] for one in found)
        return found

    async def close(self) -> None:
        await self._resolver.close()
