"""Which addresses may be called: those of an administrator's tool server, and those that the server names.

A tool server names authorization servers, which name endpoints. A public tool server must not lead requests into the
internal network. One that answers from there may: its authorization server often is there as well. The addresses of the
connection count, not those of a name, which the owner of the name may change at any time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from fastback.kit.web_guard import WebGuard


class AddressPolicy:
    """Decides about the requests for one tool server.

    Attributes:
        is_server_internal: whether the tool server has answered from the internal network.
    """

    def __init__(self, configured_urls: Iterable[str], *, allow_internal: bool = False) -> None:
        """`configured_urls` are those that an administrator entered; they may be in the internal network.

        With `allow_internal`, so may any other.
        """
        self._hosts = {urlsplit(url).hostname for url in configured_urls}
        self._allow_internal = allow_internal
        self.is_server_internal = False
        self._internal_guard, self._public_guard = WebGuard(allow_local=True), WebGuard()

    @property
    def allows_internal(self) -> bool:
        """Whether other servers in the internal network may be called."""
        return self._allow_internal or self.is_server_internal

    def get_guard(self, url: str) -> WebGuard:
        """Return the guard of a request to a URL."""
        is_allowed = self.allows_internal or urlsplit(url).hostname in self._hosts
        return self._internal_guard if is_allowed else self._public_guard

    def record_answer(self, url: str, addresses: Collection[str]) -> None:
        """Take note of the addresses at which a URL has answered."""
        if addresses and urlsplit(url).hostname in self._hosts and all(map(_is_private, addresses)):
            self.is_server_internal = True


async def is_internal(url: str) -> bool:
    """Return whether the host of a URL is in the internal network at this moment: all of its addresses are private."""
    try:
        host = urlsplit(url).hostname
        if not host:
            return False
        results = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return all(_is_private(str(address[0])) for *_, address in results)


def uses_proxy(url: str) -> bool:
    """Return whether a proxy of the environment connects to a URL, which then decides what may be reached."""
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


def _is_private(address: str) -> bool:
    return not ipaddress.ip_address(address.partition("%")[0]).is_global
