"""Rules about notes: access, changes, and the events for pages that show them."""

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
from fastback.features.notes.events import NoteChanged, NoteDeleted, NoteEditPlanned
from fastback.features.notes.schemas import NoteChange, NoteForm, normalize_data
from fastback.features.notes.store import Note
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, NotFound, Unauthorized
from fastback.records.access import RecordAccess

KIND: Final = "note"

Answer = dict[str, Any]


class NoteService:
    """Reads and changes notes for users."""

    def __init__(self, *, records: RecordAccess, config: Config, files: FileAccess, bus: Bus) -> None:
        self.records = records
        self.db = records.db
        self._config = config
        self._files = files
        self._bus = bus

    async def require_feature(self, user: User) -> None:
        """Check that notes are enabled and permitted for this user.

        Raises:
            Forbidden: notes are disabled. Unauthorized: the user may not use notes.
        """
        if not self._config.get_bool(NOTES_ENABLE):
            raise Forbidden(messages.feature_disabled("Notes"))
        if not await self.records.has_any_permission(user, "features.notes"):
            raise Unauthorized(messages.UNAUTHORIZED)

    async def get_permitted_note(self, note_id: str, user: User, permission: str) -> Note:
        """Return a note that a user may `read` or `write` (`permission`).

        Raises:
            Forbidden, Unauthorized: see `require_feature`; Forbidden also for a note that is not permitted.
            NotFound: there is no such note.
        """
        await self.require_feature(user)
        return await self.get_allowed_note(note_id, user, permission)

    async def get_allowed_note(self, note_id: str, user: User, permission: str) -> Note:
        """Like `get_permitted_note`, where notes may be disabled.

        Raises:
            NotFound, Forbidden: see `get_permitted_note`.
        """
        note = await store.find_note(self.db, note_id)
        if note is None:
            raise NotFound()
        if not await self.records.is_allowed_or_admin(user, KIND, note, permission):
            raise Forbidden(messages.SOMETHING_WRONG)
        return note

    async def describe_note(self, note: Note, user: User) -> Answer:
        """Return a note as the API returns it."""
        grants = await self.records.grants.list_grants(KIND, note.id)
        return store.build_answer(note, grants, pinned=await store.is_pinned(self.db, note.id, user.id))

    async def create_note(self, user: User, form: NoteForm) -> Answer:
        """Create a note; grants that its owner may not give are skipped."""
        allowed = await self.records.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
        async with self.db.transaction() as tx:
            note = await store.insert_note(tx, user.id, form.title, normalize_data(form.data) or {}, form.meta)
            grants = await self.records.grants.replace_grants(tx, KIND, note.id, allowed)
        await self.records.publish_grants_changed(KIND, note.id)
        await self._publish_activity("created", user, note)
        return store.build_answer(note, grants, pinned=False)

    async def change_note(self, note: Note, user: User, form: NoteChange) -> Answer:
        """Change a note, and send its new state to every page that has it open.

        Raises:
            BadRequest: the title is null. Forbidden: an added file is not readable. NotFound: the note was deleted.
        """
        if form.title is None:
            raise BadRequest(messages.SOMETHING_WRONG)
        data = None if form.data is UNSET else normalize_data(form.data)
        if data and "files" in data:
            await self._require_readable_files(note.data.get("files"), data["files"], user)
        updated = await self._merge_form(note.id, form, data)
        answer = await self.describe_note(updated, user)
        changes = answer if data is None else {**answer, "data": {key: updated.data[key] for key in data}}
        await self._bus.publish(NoteChanged(note.id, changes))
        await self._publish_activity("updated", user, updated)
        return answer

    async def get_note_to_edit(self, note_id: str, user: User) -> Note:
        """Return a note that a user may write, with what open pages have not saved yet.

        Raises:
            NotFound, Forbidden: see `get_permitted_note`.
        """
        await self._bus.publish(NoteEditPlanned(note_id))
        return await self.get_allowed_note(note_id, user, "write")

    async def replace_text(self, note: Note, user: User, text: str, title: str | None) -> Answer:
        """Replace the text of a note, and its title if there is one; pages that have it open show the new text.

        Raises:
            NotFound: the note was deleted.
        """
        content = note.data.get("content")
        fields = content if isinstance(content, dict) else {}
        # Pages edit the other two, and build them from the Markdown where they are empty.
        data = {"content": {**fields, "json": None, "html": "", "md": text}}
        return await self.change_note(note, user, NoteChange(title=title or UNSET, data=data))

    async def _merge_form(self, note_id: str, form: NoteChange, data: dict[str, Any] | None) -> Note:
        """Merge a form into the current note, store it, and return it.

        Raises:
            NotFound: the note was deleted.
        """
        async with self.db.transaction() as tx:
            stored = await store.find_note(tx, note_id, lock=True)
            if stored is None:
                raise NotFound()
            updated = msgspec.structs.replace(
                stored,
                title=stored.title if form.title is UNSET or form.title is None else form.title,
                data={**stored.data, **(data or {})},
                meta=stored.meta if form.meta is UNSET else {**(stored.meta or {}), **(form.meta or {})},
            )
            if updated != stored:
                updated.updated_at = time.time_ns()
                await store.update_note(tx, updated)
        return updated

    # -- writing in a page that other users have open, too ---------------------------------------------------------

    async def find_content(self, note_id: str) -> Any:
        """Return the stored text of a note in any of the shapes that pages understand; None without one."""
        note = await store.find_note(self.db, note_id)
        return None if note is None or not note.data else note.data.get("content")

    async def require_writing(self, note_id: str, user: User, data: dict[str, Any] | None) -> None:
        """Check that a user may write a note, and attach the files in `data`.

        Raises:
            NotFound: there is no such note. Unauthorized: the user may not write it. Forbidden: a file is not readable.
        """
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
        """Save the edits of an open page; the user is their last author. Files were checked when they were attached.

        Raises:
            NotFound, Unauthorized: see `require_writing`.
        """
        await self.require_writing(note_id, user, None)
        await self._merge_form(note_id, NoteChange(), normalize_data(data))

    async def _require_readable_files(self, existing: Any, files: Any, user: User) -> None:
        """Check that the user may read the added files. The `existing` ones may belong to another author of the note.

        Raises:
            Forbidden: a file is not readable, or `files` is not a list.
        """
        if files is not None and not isinstance(files, list):
            raise Forbidden(messages.SOMETHING_WRONG)
        added = _list_file_ids(files) - _list_file_ids(existing)
        if added and not user.is_admin and await self._files.list_accessible_ids(user, added) != added:
            raise Forbidden(messages.SOMETHING_WRONG)

    async def delete_note(self, note: Note, user: User) -> None:
        """Delete a note with its grants."""
        async with self.db.transaction() as tx:
            await self.records.grants.delete_grants(tx, KIND, note.id)
            await store.delete_note(tx, note.id)
        await self.records.publish_grants_changed(KIND, note.id)
        await self._bus.publish(NoteDeleted(note.id))
        await self._bus.publish(ActivityEvent("note.deleted", user, note.id))

    async def share_note(self, note: Note, user: User, requested: list[dict[str, Any]]) -> Answer:
        """Replace the grants of a note.

        Raises:
            Forbidden: the user may not share with one of the audiences.
        """
        await self.records.replace_grants(user, KIND, note.id, requested)
        await self._bus.publish(ActivityEvent("note.access_updated", user, note.id))
        return await self.describe_note(note, user)

    async def toggle_pin(self, note: Note, user: User) -> Answer:
        """Pin or unpin a note for the user."""
        async with self.db.transaction() as tx:
            pinned = await store.toggle_pin(tx, note.id, user.id)
        await self._bus.publish(ActivityEvent("note.pinned" if pinned else "note.unpinned", user, note.id))
        return await self.describe_note(note, user)

    async def may_watch(self, note_id: str, user: User) -> bool:
        """Return whether a user may receive the changes of a note."""
        head = await store.find_head(self.db, note_id)
        if head is None or not await self.records.has_any_permission(user, "features.notes"):
            return False
        return await self.records.is_allowed_or_admin(user, KIND, head, "read")

    async def _publish_activity(self, action: str, user: User, note: Note) -> None:
        await self._bus.publish(ActivityEvent(f"note.{action}", user, note.id, data={"title": note.title}))


def _list_file_ids(entries: Any) -> set[str]:
    """Return the ids of the files among a note's attachments."""
    if not isinstance(entries, list):
        return set()
    ids = [entry.get("id") for entry in entries if isinstance(entry, dict) and entry.get("type") == "file"]
    return {file_id for file_id in ids if isinstance(file_id, str) and file_id}
