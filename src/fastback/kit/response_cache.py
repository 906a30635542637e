"""A cache of encoded responses to frequent reads, valid as long as the data they were made of is unchanged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

#: Bodies with more bytes are not cached.
LARGEST_BODY = 64 * 1024


class ResponseCache:
    """Bodies by key, each valid for one stamp; the least recently used are dropped first."""

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, tuple[Hashable, bytes]] = OrderedDict()

    def get(self, key: Hashable, stamp: Hashable) -> bytes | None:
        """Return the body if it was stored with this stamp. A stamp of None never matches."""
        entry = self._entries.get(key)
        if entry is None or stamp is None or entry[0] != stamp:
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: Hashable, stamp: Hashable, body: bytes) -> None:
        """Store a body with the stamp of its data; large bodies, and those with a stamp of None, are skipped."""
        if stamp is None or len(body) > LARGEST_BODY:
            return
        self._entries[key] = (stamp, body)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
