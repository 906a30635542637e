"""The HTTP client that everything goes out by."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import getproxies

import aiohttp

from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

#: How long a server may take to accept a connection (seconds).
CONNECTING = 30


def _environment_matters() -> bool:
    """Whether the environment names a proxy, or a netrc file credentials."""
    return bool(getproxies().keys() - {"no"}) or Path(os.environ.get("NETRC") or Path.home() / ".netrc").is_file()


def make_client(settings: Settings) -> aiohttp.ClientSession:
    """A client without a limit of time of its own: streams are relayed, so a request says how long it may take.

    Raises:
        SettingsError: a file of authorities that cannot be read.

    Proxies are those of the environment. aiohttp would look there, and into the user's netrc, anew for each request, in
    a thread: a third of what a relayed chat costs. Where neither says anything it is told not to look.
    """
    return aiohttp.ClientSession(
        # What a server sets for one user's request must not go along with the next user's.
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(
            limit=settings.aiohttp_pool_connections or 0,
            limit_per_host=settings.aiohttp_pool_connections_per_host or 0,
            ttl_dns_cache=settings.aiohttp_pool_dns_ttl,
            ssl=build_client_ssl(settings),
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECTING),
        auto_decompress=True,
        trust_env=_environment_matters(),
    )


def answer_timeout(settings: Settings, *, stream: bool = False) -> aiohttp.ClientTimeout:
    """How long a model's answer may take in all, and how long a stream may pause."""
    pause = settings.aiohttp_client_stream_idle_timeout if stream else None
    return aiohttp.ClientTimeout(total=settings.aiohttp_client_timeout, sock_connect=CONNECTING, sock_read=pause)
