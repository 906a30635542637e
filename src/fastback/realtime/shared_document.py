"""A note that pages edit at once: the updates of Yjs that make up its document."""

from __future__ import annotations

import logging
from typing import Any

from fastback.realtime.note_saving import NoteSaver

log = logging.getLogger("fastback.realtime")

#: Bytes of the updates of the largest document.
LARGEST_DOCUMENT = 2 * 1024 * 1024
#: Number of updates that are merged into one: less than a millisecond of work, four for the largest document.
_UPDATES_PER_MERGE = 200
_EMPTY_UPDATE = b"\x00\x00"


def merge_yjs_updates(*updates: bytes) -> bytes:
    """Return one update with the effect of all these.

    Raises:
        ValueError: one of them is not an update.
    """
    from pycrdt import merge_updates  # some megabytes, imported in a thread when the first document is opened

    return merge_updates(*updates)


class SharedDocument:
    """A document that at least one page has open.

    Attributes:
        updates: of Yjs, in the order in which they came.
        pages: ids of the sockets that have it open.
        version_number: of the newest text of a page of any process; see `TextVersion`.
        saver: saves its text as the note.
    """

    def __init__(self, note_id: str, saver: NoteSaver) -> None:
        self.note_id = note_id
        self.updates: list[bytes] = []
        self.pages: set[str] = set()
        self.version_number = 0
        self.saver = saver

    @property
    def id(self) -> str:
        return f"note:{self.note_id}"

    @property
    def room(self) -> str:
        return f"doc_{self.id}"

    @property
    def byte_count(self) -> int:
        """Return the bytes of all updates."""
        return sum(len(update) for update in self.updates)

    def compact_updates(self) -> bytes:
        """Replace the updates by one with the same effect, and return it."""
        if len(self.updates) > 1:
            self.updates = [merge_yjs_updates(*self.updates)]
        return self.updates[0] if self.updates else _EMPTY_UPDATE

    def add_update(self, update: Any) -> bool:
        """Add an update; return False where it is invalid, or the document would become too large."""
        if not isinstance(update, list | bytes):
            return False  # for a number, `bytes` would return as many zeros
        if self.byte_count + len(update) > LARGEST_DOCUMENT:  # before it is read: a packet may be much larger
            log.warning("change of note %s skipped: more than %d bytes", self.note_id, LARGEST_DOCUMENT)
            return False
        try:
            update_bytes = bytes(update)
            merge_yjs_updates(update_bytes)
        except (TypeError, ValueError):
            return False
        self.updates.append(update_bytes)
        if len(self.updates) >= _UPDATES_PER_MERGE:
            self.compact_updates()
        return True
