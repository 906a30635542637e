"""The HTTP client that everything goes out by."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import getproxies

import aiohttp


def _environment_matters() -> bool:
    """Whether the environment names a proxy, or a netrc file credentials."""
    return bool(getproxies().keys() - {"no"}) or Path(os.environ.get("NETRC") or Path.home() / ".netrc").is_file()


def make_client() -> aiohttp.ClientSession:
    """A client without limits of its own: streams are relayed, so a request says how long it may take.

    Proxies are those of the environment. aiohttp would look there, and into the user's netrc, anew for each request, in
    a thread: a third of what a relayed chat costs. Where neither says anything it is told not to look.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
        auto_decompress=True,
        trust_env=_environment_matters(),
    )
