"""Which addresses may be called: those of an administrator's tool server, and those that the server names.

A tool server names authorization servers, which name endpoints. A public tool server must not lead requests into the
internal network; for one in the internal network, its authorization server may be there as well.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from fastback.kit.web_guard import WebGuard
from fastback.settings import Settings


class AddressPolicy:
    """Builds the guards of requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def build_guard(self, configured_urls: Iterable[str]) -> WebGuard:
        """Return the guard of requests for a tool server; `configured_urls` are those that an administrator entered.

        Addresses in the internal network may be called where a configured one is there, or where web pages from there
        may be fetched.
        """
        allow_local = self._settings.enable_local_web_fetch
        for url in configured_urls:
            allow_local = allow_local or await is_internal(url)
        return WebGuard(allow_local=allow_local)


async def is_internal(url: str) -> bool:
    """Return whether the host of a URL is inside of the network: a name without dots, or with a private address."""
    try:
        host = urlsplit(url).hostname or ""
        if host and "." not in host and ":" not in host:
            return True
        results = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False
    return any(not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in results)


def uses_proxy(url: str) -> bool:
    """Return whether a proxy of the environment connects to a URL, which then decides what may be reached."""
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")
