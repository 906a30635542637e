"""Ready bytes of hot reads: made once, served while what they were made of stands still."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

#: Bodies larger than this are not kept (bytes).
LARGEST_BODY = 64 * 1024


class ResponseCache:
    """Bodies by key, each good for one stamp; the least recently used go first."""

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._entries: OrderedDict[Hashable, tuple[Hashable, bytes]] = OrderedDict()

    def get(self, key: Hashable, stamp: Hashable) -> bytes | None:
        """The body, if it was made at this very stamp. A stamp of None is never good."""
        entry = self._entries.get(key)
        if entry is None or stamp is None or entry[0] != stamp:
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: Hashable, stamp: Hashable, body: bytes) -> None:
        if stamp is None or len(body) > LARGEST_BODY:
            return
        self._entries[key] = (stamp, body)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)
