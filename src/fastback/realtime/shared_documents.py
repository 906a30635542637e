"""Notes that several users edit at once: each page sends its changes, and the server forwards them to the others.

The documents are those of Yjs; pages send its updates, which may be applied in any order. The server keeps the updates
of each open document, merged now and then, for pages that join later; the pages save the text itself as a note. Where
several processes have a document open, each has all of its updates.
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
from fastback.realtime.other_documents import DocumentState
from fastback.realtime.shared_document import SharedDocument

if TYPE_CHECKING:
    from fastback.realtime.other_documents import NoteChange, OtherDocuments
    from fastback.realtime.server import SocketServer
    from fastback.realtime.sessions import SocketSession

log = logging.getLogger("fastback.realtime")

#: The number of documents that a page may have open.
MOST_OPEN_DOCUMENTS = 20
#: Bytes of the largest position of a cursor; pages send some hundred.
_LARGEST_AWARENESS = 64 * 1024
#: How often, and with which pause in seconds, the content of another process is looked for.
_FILLING_LOOKS, _FILLING_PAUSE = 40, 0.05


class SharedDocuments:
    """The documents that pages have open on sockets of this process."""

    def __init__(self, *, server: SocketServer, notes: NoteService, tasks: Tasks, others: OtherDocuments) -> None:
        self._server = server
        self._notes = notes
        self._tasks = tasks
        self._others = others
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
        others.connect(
            receive_change=self._receive_remote_change,
            get_state=self._get_state,
            save=self._save_own_document,
            reload=self._reload_documents,
        )

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
        document = self._open.get(note_id)
        if document is None:
            document = self._open_document(note_id)
            document.pages.add(sid)
            await self._load_updates(document)
        document.pages.add(sid)
        await self._server.io.enter_room(sid, document.room)
        message = {"document_id": document.id, "state": list(document.compact_updates()), "content": content}
        await self._server.io.emit("ydoc:document:state", message, room=sid)
        joined_message = {
            "document_id": document.id,
            "user_id": data.get("user_id", sid),
            "user_name": data.get("user_name", "Anonymous"),
            "user_color": data.get("user_color", "#000000"),
        }
        await self._server.emit("ydoc:user:joined", joined_message, room=document.room, skip=sid)

    def _open_document(self, note_id: str) -> SharedDocument:
        saver = NoteSaver(
            self._notes,
            note_id,
            self._get_lock,
            read_others=lambda: self._others.wait_until_read(note_id),
            on_saved=lambda version: self._others.send_saved(note_id, version),
            on_end=lambda: self._close_if_unused(document),
        )
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
        """Save at once what pages of any process have changed in a note."""
        await self._others.save(note_id)
        await self._save_own_document(note_id)

    async def _save_own_document(self, note_id: str) -> None:
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
            state, sessions = list(document.compact_updates()), sorted(document.pages)
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
        if is_initial and not document.updates and not await self._others.may_fill(note_id):
            await self._wait_for_content(document)
        if is_initial and document.updates:
            return list(document.compact_updates())
        stored = bool(update) and document.add_update(update)
        if stored:
            message = {
                "document_id": document.id,
                "user_id": data.get("user_id", sid),
                "update": list(update),
                "socket_id": sid,
            }
            await self._server.emit("ydoc:document:update", message, room=document.room, skip=sid)
        has_text = bool(changes) and not is_initial
        if has_text:
            document.version_number += 1
        if stored or has_text:
            number = document.version_number if has_text else 0
            await self._others.send_change(note_id, bytes(update) if stored else b"", version_number=number)
        if changes and has_text:
            document.saver.save_soon(user, changes, self._others.make_version(document.version_number))
        return list(update) if is_initial and stored else None

    # -- other processes ---------------------------------------------------------------------------------------------

    def _receive_remote_change(self, change: NoteChange) -> None:
        document = self._open.get(change.note_id)
        if document is None:
            return
        if change.update:
            document.add_update(change.update)
        document.version_number = max(document.version_number, change.version_number)
        if change.is_saved:
            document.saver.drop_older(change.version)
        elif change.version_number:
            document.saver.wait_for_other(change.version)

    def _get_state(self, note_id: str) -> DocumentState | None:
        """Return the state of a note; None where it is empty or not open here."""
        document = self._open.get(note_id)
        if document is None or not document.updates:
            return None
        return DocumentState(document.compact_updates(), document.version_number)

    async def _load_updates(self, document: SharedDocument) -> None:
        """Add the updates that other processes have of a document."""
        for state in await self._others.load_states(document.note_id):
            document.add_update(state.update)
            document.version_number = max(document.version_number, state.version_number)

    async def _reload_documents(self) -> None:
        for document in list(self._open.values()):
            await self._load_updates(document)

    @staticmethod
    async def _wait_for_content(document: SharedDocument) -> None:
        """Wait for the content of a page of another process that has filled the empty document at the same time."""
        for _ in range(_FILLING_LOOKS):
            if document.updates:
                return
            await asyncio.sleep(_FILLING_PAUSE)

    async def _send_awareness(self, sid: str, user: User, note_id: str, data: Any) -> None:
        """Forward the position of a user's cursor."""
        document = self._find_joined(sid, note_id)
        update = data.get("update")
        if document is not None and isinstance(update, list | bytes) and len(update) <= _LARGEST_AWARENESS:
            message = {"document_id": document.id, "user_id": user.id, "update": list(update)}
            await self._server.emit("ydoc:awareness:update", message, room=document.room, skip=sid)
