"""What happens to notes, for pages that show them."""

from __future__ import annotations

from typing import Any

import msgspec


class NoteChanged(msgspec.Struct, frozen=True):
    """A note was changed: `note` is as it is now, its `data` holding only what was changed of it."""

    note_id: str
    note: dict[str, Any]


class NoteDeleted(msgspec.Struct, frozen=True):
    note_id: str
