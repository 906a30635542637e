"""Pages that have a note open: what other users change in it is sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastback.access.events import GrantsChanged
from fastback.features.notes.events import NoteChanged, NoteDeleted, NoteEditPlanned
from fastback.features.notes.service import NoteService
from fastback.kit.bus import Bus
from fastback.realtime.shared_documents import SharedDocuments

if TYPE_CHECKING:
    from fastback.realtime.server import SocketServer


def get_note_room(note_id: str) -> str:
    """Return the room of the sockets that receive the changes of a note."""
    return f"note:{note_id}"


class NoteRooms:
    """Let sockets join the rooms of notes that their users may read, one room for each note."""

    def __init__(self, *, server: SocketServer, documents: SharedDocuments, notes: NoteService, bus: Bus) -> None:
        self._server = server
        self._documents = documents
        self._notes = notes
        bus.subscribe(NoteChanged, self._send_change)
        bus.subscribe(NoteDeleted, self._close_rooms, elsewhere=True)
        bus.subscribe(NoteEditPlanned, lambda event: documents.save_document(event.note_id))
        bus.subscribe(GrantsChanged, self._remove_unauthorized, elsewhere=True)
        server.io.on("join-note", self.join_note)

    async def join_note(self, sid: str, data: Any = None) -> None:
        """Join the room of a note that the user may read; the page sends its token again."""
        note_id = data.get("note_id") if isinstance(data, dict) else None
        if not isinstance(note_id, str):
            return
        user = await self._server.sign_in(sid, data.get("auth"))
        if user is not None and await self._notes.may_watch(note_id, user):
            await self._server.io.enter_room(sid, get_note_room(note_id))

    async def _send_change(self, event: NoteChanged) -> None:
        await self._server.emit("events:note", event.note, room=get_note_room(event.note_id))

    async def _close_rooms(self, event: NoteDeleted) -> None:
        for room in _get_rooms(event.note_id):
            await self._server.io.close_room(room)
        await self._documents.discard_document(event.note_id)

    async def _remove_unauthorized(self, event: GrantsChanged) -> None:
        """Remove the sockets of users who may no longer read a note from its rooms."""
        if event.resource_type != "note":
            return
        rooms = _get_rooms(event.resource_id)
        for sid in {sid for room in rooms for sid in self._server.get_room_members(room) or ()}:
            session = self._server.sessions.get(sid)
            if session is None or not await self._notes.may_watch(event.resource_id, session.user):
                for room in rooms:
                    await self._server.io.leave_room(sid, room)
                await self._documents.remove_page(event.resource_id, sid)


def _get_rooms(note_id: str) -> tuple[str, str]:
    """Return the room of the sockets that receive the changes of a note, and that of the sockets that edit it."""
    return get_note_room(note_id), f"doc_{get_note_room(note_id)}"
