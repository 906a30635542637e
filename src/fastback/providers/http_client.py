"""The HTTP client for every outgoing request of the server process."""

from __future__ import annotations

import os
from urllib.request import getproxies

import aiohttp

from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

#: Seconds that a server may take to accept a connection.
CONNECT_TIMEOUT = 30
#: Seconds that an unused connection is kept. uvicorn, which runs many model servers, closes it after five; a question
#: that is sent at that moment would fail, and may not be repeated.
IDLE_SECONDS = 4.0
#: Bytes of a packed body that are unpacked at once. Before they are read, two to three times as many are unpacked in
#: one turn of the event loop, which takes milliseconds for the default of aiohttp.
_BUFFER_SIZE = 64 * 1024


def _has_environment_settings() -> bool:
    """Return whether the environment names a proxy, or a netrc file exists with credentials."""
    # `os.path.isfile` is false where the home directory is another user's; `Path.is_file` raises an error there.
    netrc = os.environ.get("NETRC") or os.path.expanduser("~/.netrc")
    return bool(getproxies().keys() - {"no"}) or os.path.isfile(netrc)


def make_client(settings: Settings) -> aiohttp.ClientSession:
    """Create the client. It has no timeout of its own: streams are relayed, so each request sets how long it may take.

    Proxies are those of the environment. aiohttp would read it, and the user's netrc file, for each request in a
    thread, which is a third of the cost of a relayed chat. So that is switched off where neither of them has settings.

    Raises:
        SettingsError: a file of certificate authorities cannot be read.
    """
    return aiohttp.ClientSession(
        # Cookies that a server sets for one user's request must not be sent with another user's.
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(
            limit=settings.aiohttp_pool_connections or 0,
            limit_per_host=settings.aiohttp_pool_connections_per_host or 0,
            ttl_dns_cache=settings.aiohttp_pool_dns_ttl,
            keepalive_timeout=IDLE_SECONDS,
            ssl=build_client_ssl(settings),
        ),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
        auto_decompress=True,
        read_bufsize=_BUFFER_SIZE,
        trust_env=_has_environment_settings(),
    )


def build_answer_timeout(settings: Settings, *, stream: bool = False) -> aiohttp.ClientTimeout:
    """Return how long a model's answer may take in all, and how long a `stream` may pause."""
    idle_timeout = settings.aiohttp_client_stream_idle_timeout if stream else None
    return aiohttp.ClientTimeout(
        total=settings.aiohttp_client_timeout, sock_connect=CONNECT_TIMEOUT, sock_read=idle_timeout
    )
