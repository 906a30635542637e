"""Watches of responses' bodies: what metrics read of them, whatever reads or relays the bodies themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol
from weakref import WeakKeyDictionary

import aiohttp


class BodyWatch(Protocol):
    """Sees the bytes of one body pass."""

    def follow(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Return the same bytes."""
        ...


_watches: WeakKeyDictionary[aiohttp.ClientResponse, BodyWatch] = WeakKeyDictionary()


def watch_body(response: aiohttp.ClientResponse, watch: BodyWatch) -> None:
    """Have a watch see the body of a response, which has not been read yet."""
    _watches[response] = watch


def find_watch(response: aiohttp.ClientResponse) -> BodyWatch | None:
    """Return the watch of a response's body, or None."""
    return _watches.get(response) if _watches else None
