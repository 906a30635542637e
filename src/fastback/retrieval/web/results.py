"""Results of a web search, and the filter of the sites that they may come from."""

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
    """A page that a search engine returned."""

    link: str
    title: str | None = None
    snippet: str | None = None


def _is_address(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry.strip().rstrip("."), strict=False)
    except ValueError:
        return False
    return True


class SiteFilter:
    """An administrator's list of sites: only those are allowed, or those marked with `!` are blocked."""

    def __init__(self, entries: Sequence[Any]) -> None:
        sites = [site.strip() for site in entries if isinstance(site, str) and site.strip().strip("!")]
        self.allowed_sites = [site for site in sites if not site.startswith("!")]
        blocked = [site[1:].strip() for site in sites if site.startswith("!")]
        self._allowed, self._blocked = HostList(self.allowed_sites), HostList(blocked)
        self._has_addresses = any(_is_address(site) for site in [*self.allowed_sites, *blocked])

    def __bool__(self) -> bool:
        return bool(self._allowed or self._blocked)

    async def allows_url(self, url: Any) -> bool:
        """Return whether a page may be shown. The host is only resolved where the list contains IP addresses."""
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
            host = parts.hostname if parts is not None and parts.scheme in ("http", "https") else None
        except ValueError:
            return False
        if not host:
            return False
        hosts = [host, *(await _resolve_host(host) if self._has_addresses else [])]
        if self._allowed and not any(self._allowed.contains(name) for name in hosts):
            return False
        return not any(self._blocked.contains(name) for name in hosts)


async def _resolve_host(host: str) -> list[str]:
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(sockaddr[0]) for *_, sockaddr in entries]
