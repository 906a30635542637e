"""What a search of the web finds, and which sites it may come from."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fastback.kit.web_guard import HostList


class SearchResult(msgspec.Struct):
    """A page that was found."""

    link: str
    title: str | None = None
    snippet: str | None = None


def _is_address(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry.strip().rstrip("."), strict=False)
    except ValueError:
        return False
    return True


class Sites:
    """An administrator's list of sites: those that alone count, and with `!` before them those that never do."""

    def __init__(self, entries: Sequence[Any]) -> None:
        known = [one.strip() for one in entries if isinstance(one, str) and one.strip().strip("!")]
        self.wanted = [one for one in known if not one.startswith("!")]
        blocked = [one[1:].strip() for one in known if one.startswith("!")]
        self._allowed, self._blocked = HostList(self.wanted), HostList(blocked)
        self._by_address = any(_is_address(one) for one in [*self.wanted, *blocked])

    def __bool__(self) -> bool:
        return bool(self._allowed or self._blocked)

    async def hold(self, url: Any) -> bool:
        """Whether a page may be shown. A name is looked up only where the list holds addresses."""
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
            host = parts.hostname if parts is not None and parts.scheme in ("http", "https") else None
        except ValueError:
            return False
        if not host:
            return False
        hosts = [host, *(await _addresses(host) if self._by_address else [])]
        if self._allowed and not any(self._allowed.contains(one) for one in hosts):
            return False
        return not any(self._blocked.contains(one) for one in hosts)


async def _addresses(host: str) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(sockaddr[0]) for *_, sockaddr in found]
