"""Events about notes, for pages that show them."""

from __future__ import annotations

from typing import Any

import msgspec


class NoteChanged(msgspec.Struct, frozen=True):
    """A note changed: `note` is its current state, whose `data` has only the changed keys."""

    note_id: str
    note: dict[str, Any]


class NoteDeleted(msgspec.Struct, frozen=True):
    """A note was deleted."""

    note_id: str


class NoteEditPlanned(msgspec.Struct, frozen=True):
    """A note is read next, to be changed: what open pages have not saved yet is saved first."""

    note_id: str
