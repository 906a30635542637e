"""Saving the text of a note that pages edit: after each pause in writing, and again where the database fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fastback.access.identity import User
from fastback.features.notes.service import NoteService
from fastback.kit.http import HttpError

log = logging.getLogger("fastback.realtime")

#: Seconds without a change after which a text is saved, and the most between a change and its saving.
_SAVE_DELAY, _LONGEST_DELAY = 0.5, 2.0
#: Seconds before a failed saving is tried again: first, at most, and while the server stops.
_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSE_AT_END = 1.0, 15.0, 0.1


class NoteSaver:
    """Save one note.

    `get_lock` returns the note's lock, which the callers of `save_soon` hold. `on_saved` is called under the lock once
    nothing is left to save.
    """

    def __init__(
        self, notes: NoteService, note_id: str, get_lock: Callable[[str], asyncio.Lock], on_saved: Callable[[], None]
    ) -> None:
        self._notes = notes
        self._note_id = note_id
        self._get_lock = get_lock
        self._on_saved = on_saved
        #: The user who changed the text last, and the content that is not saved yet.
        self._unsaved: tuple[User, dict[str, Any]] | None = None
        #: The time of the first change that is not saved, and the time of the next saving.
        self._changed_at = self._save_at = 0.0
        self._saving: asyncio.Task[None] | None = None

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be saved."""
        return self._saving is not None

    def save_soon(self, user: User, changes: dict[str, Any]) -> None:
        """Save changed content when no page has changed it for a moment."""
        loop = asyncio.get_running_loop()
        if self._unsaved is None:
            self._changed_at = loop.time()
        previous_changes = self._unsaved[1] if self._unsaved is not None else {}
        self._unsaved = (user, {**previous_changes, **changes})
        self._save_at = min(loop.time() + _SAVE_DELAY, self._changed_at + _LONGEST_DELAY)
        if self._saving is None:
            self._saving = loop.create_task(self._save_when_due())

    def discard(self) -> None:
        """Save nothing more, as the note was deleted."""
        self._unsaved = None
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None

    async def save_now(self) -> None:
        """Save at once what is not saved yet; where the database fails, it is tried again later as ever."""
        async with self._get_lock(self._note_id):
            await self._save(_FIRST_PAUSE)

    async def save_at_end(self) -> None:
        """Save at once what is not saved yet, as the server stops."""
        async with self._get_lock(self._note_id):
            if self._saving is not None:
                self._saving.cancel()
            is_saved = await self._save(_PAUSE_AT_END)
            while not is_saved:
                await asyncio.sleep(_PAUSE_AT_END)
                is_saved = await self._save(_PAUSE_AT_END)

    async def _save_when_due(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = _FIRST_PAUSE
        while self._saving is not None:
            delay = self._save_at - clock()
            if delay > 0:
                await asyncio.sleep(delay)
                continue  # a change may have come meanwhile
            async with self._get_lock(self._note_id):
                if await self._save(pause):
                    self._saving = None
                    self._on_saved()
                else:
                    self._save_at = clock() + pause
                    pause = min(pause * 2, _LONGEST_PAUSE)

    async def _save(self, pause: float) -> bool:
        """Save what is not saved yet; return False where the database failed and a later try may succeed."""
        if self._unsaved is None:
            return True
        user, changes = self._unsaved
        try:
            await self._notes.save_open_note(self._note_id, user, changes)
        except HttpError as error:
            log.warning("saving note %s failed, its change is dropped: %s", self._note_id, error.detail)
        except Exception as error:
            log.warning(
                "saving note %s failed, retrying in %g s: %s", self._note_id, pause, str(error) or type(error).__name__
            )
            return False
        self._unsaved = None
        return True
