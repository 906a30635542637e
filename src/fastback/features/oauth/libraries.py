"""The libraries of OAuth and of signatures: some megabytes, which only installations with a provider need."""

from __future__ import annotations

import asyncio
import importlib
import threading

_MODULES = (
    "authlib.oauth2.client",
    "authlib.oauth2.rfc7523",
    "authlib.oidc.core",
    "cryptography.fernet",
    "joserfc.jws",
    "joserfc.jwt",
)
_are_loaded = threading.Event()


async def load_libraries() -> None:
    """Import the libraries in a thread, the first time: that takes longer than the event loop may wait."""
    if not _are_loaded.is_set():
        await asyncio.to_thread(_import_modules)


def _import_modules() -> None:
    for name in _MODULES:
        importlib.import_module(name)
    _are_loaded.set()
