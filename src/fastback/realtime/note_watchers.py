"""Pages that have a note open: they are told what others change in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastback.access.events import GrantsChanged
from fastback.features.notes.events import NoteChanged, NoteDeleted
from fastback.features.notes.service import Notes
from fastback.kit.bus import Bus
from fastback.realtime.shared_documents import Documents

if TYPE_CHECKING:
    from fastback.realtime.server import Realtime


def room(note_id: str) -> str:
    return f"note:{note_id}"


class NoteRooms:
    """Who follows which note: a room for each."""

    def __init__(self, *, realtime: Realtime, documents: Documents, notes: Notes, bus: Bus) -> None:
        self._realtime = realtime
        self._documents = documents
        self._notes = notes
        bus.subscribe(NoteChanged, self._changed)
        bus.subscribe(NoteDeleted, self._deleted)
        bus.subscribe(GrantsChanged, self._grants_changed)
        realtime.io.on("join-note", self.join)

    async def join(self, sid: str, data: Any = None) -> None:
        """Let a page follow a note that its user may read; it says again who that is."""
        note_id = data.get("note_id") if isinstance(data, dict) else None
        if not isinstance(note_id, str):
            return
        user = await self._realtime.sign_in(sid, data.get("auth"))
        if user is not None and await self._notes.may_watch(note_id, user):
            await self._realtime.io.enter_room(sid, room(note_id))

    async def _changed(self, event: NoteChanged) -> None:
        await self._realtime.emit("events:note", event.note, room=room(event.note_id))

    async def _deleted(self, event: NoteDeleted) -> None:
        for one in _rooms(event.note_id):
            await self._realtime.io.close_room(one)
        await self._documents.deleted(event.note_id)

    async def _grants_changed(self, event: GrantsChanged) -> None:
        """Whoever may not read a note any more follows it no longer."""
        if event.resource_type != "note":
            return
        rooms = _rooms(event.resource_id)
        for sid in {sid for one in rooms for sid in self._realtime.members(one) or ()}:
            session = self._realtime.sessions.get(sid)
            if session is None or not await self._notes.may_watch(event.resource_id, session.user):
                for one in rooms:
                    await self._realtime.io.leave_room(sid, one)
                await self._documents.lost(event.resource_id, sid)


def _rooms(note_id: str) -> tuple[str, str]:
    """Of those who are told of its changes, and of those who write in it."""
    return room(note_id), f"doc_{room(note_id)}"
