"""Pages that have a note open: they are told what others change in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastback.access.events import GrantsChanged
from fastback.features.notes.events import NoteChanged, NoteDeleted
from fastback.features.notes.service import NoteService
from fastback.kit.bus import Bus
from fastback.realtime.shared_documents import SharedDocuments

if TYPE_CHECKING:
    from fastback.realtime.server import SocketServer


def get_note_room(note_id: str) -> str:
    return f"note:{note_id}"


class NoteRooms:
    """Who follows which note: a room for each."""

    def __init__(self, *, realtime: SocketServer, documents: SharedDocuments, notes: NoteService, bus: Bus) -> None:
        self._realtime = realtime
        self._documents = documents
        self._notes = notes
        bus.subscribe(NoteChanged, self._send_change)
        bus.subscribe(NoteDeleted, self._close_rooms)
        bus.subscribe(GrantsChanged, self._remove_unauthorized)
        realtime.io.on("join-note", self.join_note)

    async def join_note(self, sid: str, data: Any = None) -> None:
        """Let a page follow a note that its user may read; it says again who that is."""
        note_id = data.get("note_id") if isinstance(data, dict) else None
        if not isinstance(note_id, str):
            return
        user = await self._realtime.sign_in(sid, data.get("auth"))
        if user is not None and await self._notes.may_watch(note_id, user):
            await self._realtime.io.enter_room(sid, get_note_room(note_id))

    async def _send_change(self, event: NoteChanged) -> None:
        await self._realtime.emit("events:note", event.note, room=get_note_room(event.note_id))

    async def _close_rooms(self, event: NoteDeleted) -> None:
        for room in _list_rooms(event.note_id):
            await self._realtime.io.close_room(room)
        await self._documents.discard_document(event.note_id)

    async def _remove_unauthorized(self, event: GrantsChanged) -> None:
        """Whoever may not read a note any more follows it no longer."""
        if event.resource_type != "note":
            return
        rooms = _list_rooms(event.resource_id)
        for sid in {sid for room in rooms for sid in self._realtime.get_room_members(room) or ()}:
            session = self._realtime.sessions.get(sid)
            if session is None or not await self._notes.may_watch(event.resource_id, session.user):
                for room in rooms:
                    await self._realtime.io.leave_room(sid, room)
                await self._documents.remove_page(event.resource_id, sid)


def _list_rooms(note_id: str) -> tuple[str, str]:
    """Of those who are told of its changes, and of those who write in it."""
    return get_note_room(note_id), f"doc_{get_note_room(note_id)}"
