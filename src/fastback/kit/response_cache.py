"""Ready bytes of hot reads: made once, served while what they were made of stands still."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

#: Bodies larger than this are not kept (bytes).
LARGEST = 64 * 1024


class ReadyBytes:
    """Bodies by key, each good for one stamp; the least recently used go first."""

    def __init__(self, most: int = 128) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[Hashable, bytes]] = OrderedDict()

    def get(self, key: Hashable, stamp: Hashable) -> bytes | None:
        """The body, if it was made at this very stamp. A stamp of None is never good."""
        known = self._kept.get(key)
        if known is None or stamp is None or known[0] != stamp:
            return None
        self._kept.move_to_end(key)
        return known[1]

    def put(self, key: Hashable, stamp: Hashable, body: bytes) -> None:
        if stamp is None or len(body) > LARGEST:
            return
        self._kept[key] = (stamp, body)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
