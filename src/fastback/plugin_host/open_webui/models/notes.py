"""Notes."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class NoteModel(Record):
    id: str
    user_id: str
    title: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    is_pinned: bool | None = False
    access_grants: list[AccessGrantModel] = []
    created_at: int
    updated_at: int


class NoteUserResponse(NoteModel):
    user: UserResponse | None = None


class NoteForm(Record):
    title: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    access_grants: list[dict[str, Any]] | None = None


class NoteUpdateForm(Record):
    title: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class NoteTable(RecordTable):
    table = "note"
    model = NoteModel
    grant_type = "note"

    @awaited_or_not
    async def get_note_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_notes(self, skip: int = 0, limit: int = 50, db: Any = None) -> Any:
        return await self._list(order="-updated_at", skip=skip, limit=limit)

    @awaited_or_not
    async def get_notes_by_user_id(
        self, user_id: str, permission: str = "read", skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        """Return the notes that are the user's own, or that grants allow the user."""
        notes = await self._list(order="-updated_at")
        granted = await self._list_granted(user_id, [note.id for note in notes], permission)
        readable = [note for note in notes if note.user_id == user_id or note.id in granted]
        return readable[skip : skip + limit]

    @awaited_or_not
    async def insert_new_note(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        created = await self._run(user_id, "POST", "/api/v1/notes/create", content=dump_form(form_data))
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_note_by_id(self, id: str, form_data: Any, db: Any = None) -> Any:
        note = await self._find(id=id)
        if note is None:
            return None
        form = {"title": note.title, **dump_form(form_data, exclude_unset=True)}
        await self._run(note.user_id, "POST", f"/api/v1/notes/{id}/update", content=form)
        return await self._find(id=id)

    @awaited_or_not
    async def get_pinned_note_ids(self, user_id: str, db: Any = None) -> Any:
        return [row["note_id"] for row in await self._list_rows("pinned_note", {"user_id": user_id})]

    @awaited_or_not
    async def delete_note_by_id(self, id: str, db: Any = None) -> Any:
        note = await self._find(id=id)
        return note is not None and bool(await self._run(note.user_id, "DELETE", f"/api/v1/notes/{id}/delete"))


Notes = NoteTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Note": "note", "PinnedNote": "pinned_note"})
