"""Notes: who may read and write them, changing them, telling the pages that show them."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from msgspec import UNSET

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import NOTES_ENABLE
from fastback.features.files.access import FileAccess
from fastback.features.notes import store
from fastback.features.notes.events import NoteChanged, NoteDeleted
from fastback.features.notes.schemas import NoteChange, NoteForm, normalize_data
from fastback.features.notes.store import Note
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, NotFound, Unauthorized
from fastback.records.access import RecordAccess

KIND: Final = "note"

Answer = dict[str, Any]


class NoteService:
    """Notes as records."""

    def __init__(self, *, owned: RecordAccess, config: Config, files: FileAccess, bus: Bus) -> None:
        self.records = owned
        self.db = owned.db
        self._config = config
        self._files = files
        self._bus = bus

    async def require_feature(self, user: User) -> None:
        """Raises: Forbidden, where notes are switched off; Unauthorized, where the user may have none."""
        if not self._config.flag(NOTES_ENABLE):
            raise Forbidden(messages.feature_disabled("Notes"))
        if not await self.records.has_any_permission(user, "features.notes"):
            raise Unauthorized(messages.UNAUTHORIZED)

    async def get_permitted_note(self, note_id: str, user: User, permission: str) -> Note:
        """A note that a user may read or write (`permission`).

        Raises:
            Forbidden, Unauthorized: as `check`, or it is not theirs. NotFound.
        """
        await self.require_feature(user)
        note = await store.find_note(self.db, note_id)
        if note is None:
            raise NotFound()
        if not await self.records.is_allowed_or_admin(user, KIND, note, permission):
            raise Forbidden(messages.SOMETHING_WRONG)
        return note

    async def describe_note(self, note: Note, user: User) -> Answer:
        grants = await self.records.grants.list_grants(KIND, note.id)
        return store.build_answer(note, grants, pinned=await store.is_pinned(self.db, note.id, user.id))

    async def create_note(self, user: User, form: NoteForm) -> Answer:
        """Write a new note; grants that its author may not give are left out."""
        wanted = await self.records.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
        async with self.db.transaction() as tx:
            note = await store.insert_note(tx, user.id, form.title, normalize_data(form.data) or {}, form.meta)
            grants = await self.records.grants.replace_grants(tx, KIND, note.id, wanted)
        await self.records.publish_grants_changed(KIND, note.id)
        await self._publish_activity("created", user, note)
        return store.build_answer(note, grants, pinned=False)

    async def change_note(self, note: Note, user: User, form: NoteChange) -> Answer:
        """Change a note, and show it so to everybody who has it open.

        Raises:
            BadRequest: without a title. Forbidden: with a file that the user may not read. NotFound: it is gone.
        """
        if form.title is None:
            raise BadRequest(messages.SOMETHING_WRONG)
        data = None if form.data is UNSET else normalize_data(form.data)
        if data and "files" in data:
            await self._require_readable_files(note.data.get("files"), data["files"], user)
        new = await self._merge_form(note.id, form, data)
        shown = await self.describe_note(new, user)
        told = shown if data is None else {**shown, "data": {key: new.data[key] for key in data}}
        await self._bus.publish(NoteChanged(note.id, told))
        await self._publish_activity("updated", user, new)
        return shown

    async def _merge_form(self, note_id: str, form: NoteChange, data: dict[str, Any] | None) -> Note:
        """The note with a form laid over what it is now. Raises: NotFound, when it is gone."""
        async with self.db.transaction() as tx:
            known = await store.find_note(tx, note_id, lock=True)
            if known is None:
                raise NotFound()
            new = msgspec.structs.replace(
                known,
                title=known.title if form.title is UNSET or form.title is None else form.title,
                data={**known.data, **(data or {})},
                meta=known.meta if form.meta is UNSET else {**(known.meta or {}), **(form.meta or {})},
            )
            if new != known:
                new.updated_at = time.time_ns()
                await store.update_note(tx, new)
        return new

    # -- writing in a page that others have open, too --------------------------------------------------------------

    async def find_content(self, note_id: str) -> Any:
        """The text of a note, in the shapes that pages know."""
        note = await store.find_note(self.db, note_id)
        return None if note is None or not note.data else note.data.get("content")

    async def require_writing(self, note_id: str, user: User, data: dict[str, Any] | None) -> None:
        """Raises: HttpError, where a user may not write in a note, or not attach the files in `data`."""
        head = await store.find_head(self.db, note_id)
        if head is None:
            raise NotFound()
        if not await self.records.is_allowed_or_admin(user, KIND, head, "write"):
            raise Unauthorized(messages.UNAUTHORIZED)
        if data and "files" in data:
            note = await store.find_note(self.db, note_id)
            await self._require_readable_files(
                note.data.get("files") if note is not None else None, data["files"], user
            )

    async def save_open_note(self, note_id: str, user: User, data: dict[str, Any]) -> None:
        """Save what was written in an open page, by this user last; files in it were judged when they were attached.

        Raises: as `check_writing`.
        """
        await self.require_writing(note_id, user, None)
        await self._merge_form(note_id, NoteChange(), normalize_data(data))

    async def _require_readable_files(self, known: Any, files: Any, user: User) -> None:
        """Only what is attached anew has to be the user's to read: what is `known` is somebody else's who edits, too.

        Raises: Forbidden.
        """
        if files is not None and not isinstance(files, list):
            raise Forbidden(messages.SOMETHING_WRONG)
        added = _list_file_ids(files) - _list_file_ids(known)
        if added and not user.is_admin and await self._files.list_accessible_ids(user, added) != added:
            raise Forbidden(messages.SOMETHING_WRONG)

    async def delete_note(self, note: Note, user: User) -> None:
        async with self.db.transaction() as tx:
            await self.records.grants.delete_grants(tx, KIND, note.id)
            await store.delete_note(tx, note.id)
        await self.records.publish_grants_changed(KIND, note.id)
        await self._bus.publish(NoteDeleted(note.id))
        await self._bus.publish(ActivityEvent("note.deleted", user, note.id))

    async def share_note(self, note: Note, user: User, wanted: list[dict[str, Any]]) -> Answer:
        """Raises: Forbidden, where the user may not share with one of the audiences."""
        await self.records.replace_grants(user, KIND, note.id, wanted)
        await self._bus.publish(ActivityEvent("note.access_updated", user, note.id))
        return await self.describe_note(note, user)

    async def toggle_pin(self, note: Note, user: User) -> Answer:
        async with self.db.transaction() as tx:
            pinned = await store.toggle_pin(tx, note.id, user.id)
        await self._bus.publish(ActivityEvent("note.pinned" if pinned else "note.unpinned", user, note.id))
        return await self.describe_note(note, user)

    async def may_watch(self, note_id: str, user: User) -> bool:
        """Whether a page of this user may follow what happens to a note."""
        head = await store.find_head(self.db, note_id)
        if head is None or not await self.records.has_any_permission(user, "features.notes"):
            return False
        return await self.records.is_allowed_or_admin(user, KIND, head, "read")

    async def _publish_activity(self, what: str, user: User, note: Note) -> None:
        await self._bus.publish(ActivityEvent(f"note.{what}", user, note.id, data={"title": note.title}))


def _list_file_ids(entries: Any) -> set[str]:
    """The files among a note's attachments."""
    if not isinstance(entries, list):
        return set()
    found = [one.get("id") for one in entries if isinstance(one, dict) and one.get("type") == "file"]
    return {one for one in found if isinstance(one, str) and one}
