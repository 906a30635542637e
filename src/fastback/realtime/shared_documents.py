"""Notes that several people write in at once: each page sends what it changed, all others are given it.

The documents are Yjs's; what is sent are its updates, which may be applied in any order. We keep those of each document
that somebody has open, merged now and then, for whoever comes later; the text itself is saved as a note by the pages.
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

if TYPE_CHECKING:
    from fastback.realtime.server import SocketServer

log = logging.getLogger("fastback.realtime")

#: The largest document (bytes of its updates), and how many a page may have open.
LARGEST_DOCUMENT, MOST_OPEN_DOCUMENTS = 2 * 1024 * 1024, 20
#: So many updates are merged into one: less than a millisecond of work, four for the largest document.
_UPDATES_PER_MERGE = 200
#: Seconds of rest after which a text is saved.
_SAVE_DELAY = 0.5
_EMPTY_UPDATE = b"\x00\x00"


def merge_updates(*updates: bytes) -> bytes:
    """One update that does what all of these do. Raises: ValueError, for what is no update."""
    from pycrdt import merge_updates  # some megabytes, loaded beside the loop when the first document is opened

    return merge_updates(*updates)


class SharedDocument:
    """What is known of a document that somebody has open."""

    def __init__(self, note_id: str) -> None:
        self.note_id = note_id
        self.updates: list[bytes] = []
        self.pages: set[str] = set()
        #: Waits until nobody has written for a moment, or saves.
        self.saving: asyncio.Task[None] | None = None
        #: What is not saved yet, and who wrote it.
        self.unsaved: tuple[User, dict[str, Any]] | None = None

    @property
    def id(self) -> str:
        return f"note:{self.note_id}"

    @property
    def room(self) -> str:
        return f"doc_{self.id}"

    @property
    def byte_count(self) -> int:
        return sum(len(update) for update in self.updates)


class SharedDocuments:
    """The documents that are open in pages of this process."""

    def __init__(self, realtime: SocketServer, notes: NoteService, tasks: Tasks) -> None:
        self._realtime = realtime
        self._notes = notes
        self._tasks = tasks
        self._open: dict[str, SharedDocument] = {}
        #: What is told about a note is done in the order in which it came, by whomever: a page that leaves, or goes,
        #: does so when what it wrote before has been taken over.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        for event, handler in (
            ("ydoc:document:join", self._join_document),
            ("ydoc:document:state", self._send_state),
            ("ydoc:document:update", self._receive_update),
            ("ydoc:document:leave", self._leave_document),
            ("ydoc:awareness:update", self._send_awareness),
        ):
            realtime.io.on(event, self._require_session(handler))
        realtime.disconnect_listeners.append(self._remove_disconnected)
        tasks.run_at_shutdown(self.close)

    async def close(self) -> None:
        """Save what is not saved yet."""
        for document in list(self._open.values()):
            async with self._get_lock(document.note_id):
                if document.saving is not None:
                    document.saving.cancel()
                await self._save_note(document)

    def _get_lock(self, note_id: str) -> asyncio.Lock:
        return self._locks.setdefault(note_id, asyncio.Lock())

    def _require_session(
        self, handler: Callable[[str, User, str, Any], Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        """A handler for an event that names a note's document, by somebody who is signed in."""

        async def handle(sid: str, data: Any = None) -> Any:
            document_id = data.get("document_id") if isinstance(data, dict) else None
            if not isinstance(document_id, str) or not document_id.startswith(("note:", "note_")):
                return None
            # Looked up before waiting: the page may be gone when it is its turn.
            session = self._realtime.sessions.get(sid)
            if session is not None:
                async with self._get_lock(document_id[5:]):
                    if await self._realtime.refresh_session(session):
                        return await handler(sid, session.user, document_id[5:], data)
            # Not within the turn, which the disconnecting waits for.
            await self._realtime.io.disconnect(sid)
            return None

        return handle

    def _find_joined(self, sid: str, note_id: str) -> SharedDocument | None:
        document = self._open.get(note_id)
        return document if document is not None and sid in document.pages else None

    def _merge_updates(self, document: SharedDocument) -> bytes:
        """One update that does what all of a document's do, which it stands for from now on."""
        if len(document.updates) > 1:
            document.updates = [merge_updates(*document.updates)]
        return document.updates[0] if document.updates else _EMPTY_UPDATE

    # -- coming and going ------------------------------------------------------------------------------------------

    async def _join_document(self, sid: str, user: User, note_id: str, data: Any) -> None:
        await asyncio.to_thread(importlib.import_module, "pycrdt")
        content = await self._notes.find_content(note_id)
        # Asked last: whom the note is closed to meanwhile nobody would send away again.
        if not await self._notes.may_watch(note_id, user):
            return
        open_count = sum(1 for open_document in self._open.values() if sid in open_document.pages)
        if self._find_joined(sid, note_id) is None and open_count >= MOST_OPEN_DOCUMENTS:
            log.warning("a page has more than %d notes open", MOST_OPEN_DOCUMENTS)
            return
        if self._realtime.sessions.get(sid) is None:
            return  # gone, and nobody would say so again
        document = self._open.setdefault(note_id, SharedDocument(note_id))
        document.pages.add(sid)
        await self._realtime.io.enter_room(sid, document.room)
        told = {"document_id": document.id, "state": list(self._merge_updates(document)), "content": content}
        await self._realtime.io.emit("ydoc:document:state", told, room=sid)
        joined_message = {
            "document_id": document.id,
            "user_id": data.get("user_id", sid),
            "user_name": data.get("user_name", "Anonymous"),
            "user_color": data.get("user_color", "#000000"),
        }
        await self._realtime.emit("ydoc:user:joined", joined_message, room=document.room, skip=sid)

    async def _leave_document(self, sid: str, user: User, note_id: str, data: Any) -> None:
        document = self._find_joined(sid, note_id)
        if document is None:
            return
        document.pages.discard(sid)
        await self._realtime.io.leave_room(sid, document.room)
        left = {"document_id": document.id, "user_id": user.id}
        await self._realtime.emit("ydoc:user:left", left, room=document.room)
        self._close_if_unused(document)

    def _remove_disconnected(self, sid: str) -> None:
        """A page has disconnected; perhaps because it was to be told something, so that this is somebody's turn."""
        for note_id in [one.note_id for one in self._open.values() if sid in one.pages]:
            self._tasks.run_in_background(self.remove_page(note_id, sid))

    async def remove_page(self, note_id: str, sid: str) -> None:
        """A page is gone, or its user may not read a note any more."""
        async with self._get_lock(note_id):
            document = self._find_joined(sid, note_id)
            if document is not None:
                document.pages.discard(sid)
                self._close_if_unused(document)

    async def discard_document(self, note_id: str) -> None:
        """There is no such note any more."""
        async with self._get_lock(note_id):
            document = self._open.pop(note_id, None)
            if document is not None and document.saving is not None:
                document.saving.cancel()

    def _close_if_unused(self, document: SharedDocument) -> None:
        """A document that nobody has open lives on in its note alone, once that is saved."""
        if not document.pages and document.saving is None:
            self._open.pop(document.note_id, None)

    # -- what is written -------------------------------------------------------------------------------------------

    async def _send_state(self, sid: str, user: User, note_id: str, data: Any) -> None:
        document = self._find_joined(sid, note_id)
        if document is not None:
            state, sessions = list(self._merge_updates(document)), sorted(document.pages)
            told = {"document_id": document.id, "state": state, "sessions": sessions}
            await self._realtime.io.emit("ydoc:document:state", told, room=sid)

    async def _receive_update(self, sid: str, user: User, note_id: str, data: Any) -> list[int] | None:
        """Take a change over. A page that fills an empty document (`initialize`) is answered with what it holds then:
        of several that do, the first counts."""
        document = self._find_joined(sid, note_id)
        if document is None:
            return None
        written = data.get("data") if isinstance(data.get("data"), dict) else None
        try:
            await self._notes.require_writing(note_id, user, written)
        except Forbidden:
            error_message = {"message": "Cannot attach files you cannot access"}
            await self._realtime.io.emit("error", error_message, room=sid)
            return None
        except HttpError:
            return None
        update, is_initial = data.get("update"), bool(data.get("initialize"))
        if is_initial and document.updates:
            return list(self._merge_updates(document))
        stored = bool(update) and self._store_update(document, update)
        if stored:
            told = {
                "document_id": document.id,
                "user_id": data.get("user_id", sid),
                "update": update,
                "socket_id": sid,
            }
            await self._realtime.emit("ydoc:document:update", told, room=document.room, skip=sid)
        if written and not is_initial:
            self._save_soon(document, user, written)
        return update if is_initial and stored else None

    def _store_update(self, document: SharedDocument, update: Any) -> bool:
        """Keep an update; whether it is one, and there is room for it."""
        if not isinstance(update, list):
            return False  # of a number Python would make as many bytes
        try:
            update_bytes = bytes(update)
            merge_updates(update_bytes)
        except (TypeError, ValueError):
            return False
        if document.byte_count + len(update_bytes) > LARGEST_DOCUMENT:
            log.warning("note %s is too large to be written in any further", document.note_id)
            return False
        document.updates.append(update_bytes)
        if len(document.updates) >= _UPDATES_PER_MERGE:
            self._merge_updates(document)
        return True

    async def _send_awareness(self, sid: str, user: User, note_id: str, data: Any) -> None:
        """Where somebody's cursor is."""
        document = self._find_joined(sid, note_id)
        if document is not None and "update" in data:
            told = {"document_id": document.id, "user_id": user.id, "update": data["update"]}
            await self._realtime.emit("ydoc:awareness:update", told, room=document.room, skip=sid)

    # -- saving ----------------------------------------------------------------------------------------------------

    def _save_soon(self, document: SharedDocument, user: User, written: dict[str, Any]) -> None:
        """Save the text once nobody has written for a moment."""
        previous_content = document.unsaved[1] if document.unsaved is not None else {}
        document.unsaved = (user, {**previous_content, **written})
        if document.saving is not None:
            document.saving.cancel()
        document.saving = asyncio.get_running_loop().create_task(self._save_later(document))

    async def _save_later(self, document: SharedDocument) -> None:
        await asyncio.sleep(_SAVE_DELAY)
        async with self._get_lock(document.note_id):
            await self._save_note(document)
            document.saving = None
            self._close_if_unused(document)

    async def _save_note(self, document: SharedDocument) -> None:
        if document.unsaved is None:
            return
        (user, written), document.unsaved = document.unsaved, None
        try:
            await self._notes.save_open_note(document.note_id, user, written)
        except HttpError as error:
            log.warning("note %s was not saved: %s", document.note_id, error.detail)
        except Exception:
            log.exception("note %s was not saved", document.note_id)
