"""Notes that several users edit at once: each page sends its changes, and the server forwards them to the others.

The documents are those of Yjs; pages send its updates, which may be applied in any order. The server keeps the updates
of each open document, merged now and then, for pages that join later; the pages save the text itself as a note.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from fastback.access.identity import User
from fastback.features.notes.service import NoteService
from fastback.kit.http import Forbidden, HttpError
from fastback.kit.tasks import Tasks
from fastback.realtime.note_saving import NoteSaver

if TYPE_CHECKING:
    from fastback.realtime.server import SocketServer
    from fastback.realtime.sessions import SocketSession

log = logging.getLogger("fastback.realtime")

#: Bytes of the updates of the largest document, and the number of documents that a page may have open.
LARGEST_DOCUMENT, MOST_OPEN_DOCUMENTS = 2 * 1024 * 1024, 20
#: Number of updates that are merged into one: less than a millisecond of work, four for the largest document.
_UPDATES_PER_MERGE = 200
_EMPTY_UPDATE = b"\x00\x00"


def _merge_yjs_updates(*updates: bytes) -> bytes:
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
        saver: saves its text as the note.
    """

    def __init__(self, note_id: str, saver: NoteSaver) -> None:
        self.note_id = note_id
        self.updates: list[bytes] = []
        self.pages: set[str] = set()
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


class SharedDocuments:
    """The documents that pages have open on sockets of this process."""

    def __init__(self, server: SocketServer, notes: NoteService, tasks: Tasks) -> None:
        self._server = server
        self._notes = notes
        self._tasks = tasks
        self._open: dict[str, SharedDocument] = {}
        #: By note id. Messages about a note are handled one at a time, in the order in which they came: a page is
        #: removed only after its earlier changes have been stored.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        for event, handler in (
            ("ydoc:document:join", self._join_document),
            ("ydoc:document:state", self._send_state),
            ("ydoc:document:update", self._receive_update),
            ("ydoc:document:leave", self._leave_document),
            ("ydoc:awareness:update", self._send_awareness),
        ):
            server.io.on(event, self._require_session(handler))
        server.disconnect_listeners.append(self._remove_disconnected)
        tasks.run_at_shutdown(self.close)

    async def close(self) -> None:
        """Save every document that has unsaved content."""
        await asyncio.gather(*(document.saver.save_at_end() for document in self._open.values()))

    def _get_lock(self, note_id: str) -> asyncio.Lock:
        return self._locks.setdefault(note_id, asyncio.Lock())

    def _require_session(
        self, handler: Callable[[str, User, str, Any], Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        """Return a handler of an event that names a note's document, for sockets on which a user has signed in."""

        async def handle(sid: str, data: Any = None) -> Any:
            document_id = data.get("document_id") if isinstance(data, dict) else None
            if not isinstance(document_id, str) or not document_id.startswith(("note:", "note_")):
                return None
            # Looked up before the lock is awaited: meanwhile the page may disconnect.
            session = self._server.sessions.get(sid)
            if session is not None:
                async with self._get_lock(document_id[5:]):
                    if await self._server.refresh_session(session):
                        return await handler(sid, session.user, document_id[5:], data)
            # Not while the lock is held: the listener of the disconnect waits for it.
            await self._server.io.disconnect(sid)
            return None

        return handle

    def _find_joined(self, sid: str, note_id: str) -> SharedDocument | None:
        document = self._open.get(note_id)
        return document if document is not None and sid in document.pages else None

    def _compact_updates(self, document: SharedDocument) -> bytes:
        """Replace the updates of a document by one update with the same effect, and return it."""
        if len(document.updates) > 1:
            document.updates = [_merge_yjs_updates(*document.updates)]
        return document.updates[0] if document.updates else _EMPTY_UPDATE

    # -- joining and leaving ---------------------------------------------------------------------------------------

    async def _join_document(self, sid: str, user: User, note_id: str, data: Any) -> None:
        await asyncio.to_thread(importlib.import_module, "pycrdt")
        content = await self._notes.find_content(note_id)
        # Checked last: `NoteRooms` removes users who lose access after this check, but not those who lost it before.
        if not await self._notes.may_watch(note_id, user):
            return
        open_count = sum(1 for open_document in self._open.values() if sid in open_document.pages)
        if self._find_joined(sid, note_id) is None and open_count >= MOST_OPEN_DOCUMENTS:
            log.warning("join of note %s skipped: the page has %d notes open already", note_id, MOST_OPEN_DOCUMENTS)
            return
        if self._server.sessions.get(sid) is None:
            return  # disconnected meanwhile: its listener has run already
        document = self._open.get(note_id) or self._open_document(note_id)
        document.pages.add(sid)
        await self._server.io.enter_room(sid, document.room)
        message = {"document_id": document.id, "state": list(self._compact_updates(document)), "content": content}
        await self._server.io.emit("ydoc:document:state", message, room=sid)
        joined_message = {
            "document_id": document.id,
            "user_id": data.get("user_id", sid),
            "user_name": data.get("user_name", "Anonymous"),
            "user_color": data.get("user_color", "#000000"),
        }
        await self._server.emit("ydoc:user:joined", joined_message, room=document.room, skip=sid)

    def _open_document(self, note_id: str) -> SharedDocument:
        saver = NoteSaver(self._notes, note_id, self._get_lock, lambda: self._close_if_unused(document))
        document = self._open[note_id] = SharedDocument(note_id, saver)
        return document

    async def _leave_document(self, sid: str, user: User, note_id: str, data: Any) -> None:
        document = self._find_joined(sid, note_id)
        if document is None:
            return
        document.pages.discard(sid)
        await self._server.io.leave_room(sid, document.room)
        message = {"document_id": document.id, "user_id": user.id}
        await self._server.emit("ydoc:user:left", message, room=document.room)
        self._close_if_unused(document)

    async def _remove_disconnected(self, sid: str, session: SocketSession | None) -> None:
        """Remove a page that has disconnected from its documents, in the background: a handler that sends to the page
        may hold the lock.
        """
        for note_id in [document.note_id for document in self._open.values() if sid in document.pages]:
            self._tasks.run_in_background(self.remove_page(note_id, sid))

    async def remove_page(self, note_id: str, sid: str) -> None:
        """Remove a page that has disconnected, or whose user may no longer read the note."""
        async with self._get_lock(note_id):
            document = self._find_joined(sid, note_id)
            if document is not None:
                document.pages.discard(sid)
                self._close_if_unused(document)

    async def save_document(self, note_id: str) -> None:
        """Save at once what pages have changed in a note."""
        document = self._open.get(note_id)
        if document is not None:
            await document.saver.save_now()

    async def discard_document(self, note_id: str) -> None:
        """Close the document of a deleted note without saving it."""
        async with self._get_lock(note_id):
            document = self._open.pop(note_id, None)
            if document is not None:
                document.saver.discard()

    def _close_if_unused(self, document: SharedDocument) -> None:
        """Close a document that no page has open, unless it is still to be saved."""
        if not document.pages and not document.saver.is_pending:
            self._open.pop(document.note_id, None)

    # -- changes ---------------------------------------------------------------------------------------------------

    async def _send_state(self, sid: str, user: User, note_id: str, data: Any) -> None:
        document = self._find_joined(sid, note_id)
        if document is not None:
            state, sessions = list(self._compact_updates(document)), sorted(document.pages)
            message = {"document_id": document.id, "state": state, "sessions": sessions}
            await self._server.io.emit("ydoc:document:state", message, room=sid)

    async def _receive_update(self, sid: str, user: User, note_id: str, data: Any) -> list[int] | None:
        """Store a change and forward it to the other pages.

        A page that fills an empty document (`initialize`) gets the document's state as the reply: of several pages that
        do so at once, the first one's content counts.
        """
        document = self._find_joined(sid, note_id)
        if document is None:
            return None
        changes = data.get("data") if isinstance(data.get("data"), dict) else None
        try:
            await self._notes.require_writing(note_id, user, changes)
        except Forbidden:
            error_message = {"message": "Cannot attach files you cannot access"}
            await self._server.io.emit("error", error_message, room=sid)
            return None
        except HttpError:
            return None
        update, is_initial = data.get("update"), bool(data.get("initialize"))
        if is_initial and document.updates:
            return list(self._compact_updates(document))
        stored = bool(update) and self._store_update(document, update)
        if stored:
            message = {
                "document_id": document.id,
                "user_id": data.get("user_id", sid),
                "update": list(update),
                "socket_id": sid,
            }
            await self._server.emit("ydoc:document:update", message, room=document.room, skip=sid)
        if changes and not is_initial:
            document.saver.save_soon(user, changes)
        return list(update) if is_initial and stored else None

    def _store_update(self, document: SharedDocument, update: Any) -> bool:
        """Store an update; return False where it is invalid, or the document would become too large."""
        if not isinstance(update, list | bytes):
            return False  # for a number, `bytes` would return as many zeros
        try:
            update_bytes = bytes(update)
            _merge_yjs_updates(update_bytes)
        except (TypeError, ValueError):
            return False
        if document.byte_count + len(update_bytes) > LARGEST_DOCUMENT:
            log.warning("change of note %s skipped: more than %d bytes", document.note_id, LARGEST_DOCUMENT)
            return False
        document.updates.append(update_bytes)
        if len(document.updates) >= _UPDATES_PER_MERGE:
            self._compact_updates(document)
        return True

    async def _send_awareness(self, sid: str, user: User, note_id: str, data: Any) -> None:
        """Forward the position of a user's cursor."""
        document = self._find_joined(sid, note_id)
        if document is not None and "update" in data:
            update = list(data["update"]) if isinstance(data["update"], bytes) else data["update"]
            message = {"document_id": document.id, "user_id": user.id, "update": update}
            await self._server.emit("ydoc:awareness:update", message, room=document.room, skip=sid)
