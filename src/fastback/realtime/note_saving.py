"""Saving the text of a note that pages edit: after each pause in writing, and again where the database fails.

Where pages of several processes write, the process whose page has changed the text last saves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from fastback.access.identity import User
from fastback.features.notes.service import NoteService
from fastback.kit.http import HttpError

log = logging.getLogger("fastback.realtime")

#: Seconds without a change after which a text is saved, and the most between a change and its saving.
_SAVE_DELAY, _LONGEST_DELAY = 0.5, 2.0
#: Seconds in which another process has a newer text saved; the older one is saved where it has not.
_OTHER_SECONDS = 5.0
#: Seconds before a failed saving is tried again: first, at most, and while the server stops.
_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSE_AT_END = 1.0, 15.0, 0.1


class TextVersion(NamedTuple):
    """Which text of a note is the newer one: that with the higher number. Of two with one number all processes take
    the same one for newer.
    """

    number: int
    node_id: str


class _UnsavedText(NamedTuple):
    """A changed text, and the user who has changed it last."""

    user: User
    changes: dict[str, Any]
    version: TextVersion


class NoteSaver:
    """Save one note.

    `get_lock` returns the note's lock, which the callers of `save_soon` hold. `read_others` returns once everything has
    arrived that other processes have sent so far; this one may have stood still. `on_saved` is called with the version
    of each text that was saved, and `on_end` under the lock once nothing is left to save.
    """

    def __init__(
        self,
        notes: NoteService,
        note_id: str,
        get_lock: Callable[[str], asyncio.Lock],
        *,
        read_others: Callable[[], Awaitable[None]],
        on_saved: Callable[[TextVersion], Awaitable[None]],
        on_end: Callable[[], None],
    ) -> None:
        self._notes = notes
        self._note_id = note_id
        self._get_lock = get_lock
        self._read_others = read_others
        self._on_saved = on_saved
        self._on_end = on_end
        self._unsaved: _UnsavedText | None = None
        #: The newest text that another process will save.
        self._other_version: TextVersion | None = None
        #: The time of the first change that is not saved, and the time of the next saving.
        self._changed_at = self._save_at = 0.0
        self._saving: asyncio.Task[None] | None = None

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be saved."""
        return self._saving is not None

    def save_soon(self, user: User, changes: dict[str, Any], version: TextVersion) -> None:
        """Save changed content when no page has changed it for a moment."""
        loop = asyncio.get_running_loop()
        if self._unsaved is None:
            self._changed_at = loop.time()
        previous_changes = self._unsaved.changes if self._unsaved is not None else {}
        self._unsaved = _UnsavedText(user, {**previous_changes, **changes}, version)
        self._save_at = min(loop.time() + _SAVE_DELAY, self._changed_at + _LONGEST_DELAY)
        if self._saving is None:
            self._saving = loop.create_task(self._save_when_due())

    def wait_for_other(self, version: TextVersion) -> None:
        """Leave the saving to another process, whose page has changed the text after those of this one."""
        self._other_version = version
        if self._is_older_than_other():
            self._save_at = asyncio.get_running_loop().time() + _OTHER_SECONDS

    def drop_older(self, saved: TextVersion) -> None:
        """Drop a text that is older than the one that another process has saved."""
        if self._unsaved is not None and self._unsaved.version < saved:
            self._unsaved = None
            self._save_at = 0.0

    def _is_older_than_other(self) -> bool:
        other = self._other_version
        return self._unsaved is not None and other is not None and self._unsaved.version < other

    def discard(self) -> None:
        """Save nothing more, as the note was deleted."""
        self._unsaved = None
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None

    async def save_now(self) -> None:
        """Save at once what is not saved yet; where the database fails, it is tried again later as ever."""
        async with self._get_lock(self._note_id):
            if not self._is_older_than_other():
                await self._save(_FIRST_PAUSE)

    async def save_at_end(self) -> None:
        """Save at once what is not saved yet, as the server stops."""
        async with self._get_lock(self._note_id):
            if self._saving is not None:
                self._saving.cancel()
            is_saved = self._is_older_than_other() or await self._save(_PAUSE_AT_END)
            while not is_saved:
                await asyncio.sleep(_PAUSE_AT_END)
                is_saved = await self._save(_PAUSE_AT_END)

    async def _save_when_due(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = _FIRST_PAUSE
        while self._saving is not None:
            delay = self._save_at - clock()
            if delay > 0:
                await asyncio.sleep(min(delay, _SAVE_DELAY))
                continue  # a change may have come meanwhile
            await self._read_others()
            if self._save_at > clock():
                continue
            async with self._get_lock(self._note_id):
                if await self._save(pause):
                    self._saving = None
                    self._on_end()
                else:
                    self._save_at = clock() + pause
                    pause = min(pause * 2, _LONGEST_PAUSE)

    async def _save(self, pause: float) -> bool:
        """Save what is not saved yet; return False where the database failed and a later try may succeed."""
        if self._unsaved is None:
            return True
        text = self._unsaved
        try:
            await self._notes.save_open_note(self._note_id, text.user, text.changes)
        except HttpError as error:
            log.warning("saving note %s failed, its change is dropped: %s", self._note_id, error.detail)
        except Exception as error:
            log.warning(
                "saving note %s failed, retrying in %g s: %s", self._note_id, pause, str(error) or type(error).__name__
            )
            return False
        else:
            await self._on_saved(text.version)
        self._unsaved = None
        return True
