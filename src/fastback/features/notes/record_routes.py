"""`/api/v1/notes`: writing, reading, changing, sharing, pinning and deleting a note."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.notes.schemas import AccessForm, NoteChange, NoteForm
from fastback.features.notes.service import KIND, Answer, Notes
from fastback.kit.http import Router

router = Router("/api/v1/notes")


@router.post("/create")
async def create(data: NoteForm, user: VerifiedUser, notes: Notes) -> Answer:
    await notes.check(user)
    return await notes.create(user, data)


@router.get("/{id}")
async def one(id: str, user: VerifiedUser, notes: Notes) -> Answer:
    note = await notes.found(id, user, "read")
    write = await notes.owned.may_or_admin(user, KIND, note, "write")
    return {**await notes.shown(note, user), "write_access": write}


@router.post("/{id}/update")
async def update(id: str, data: NoteChange, user: VerifiedUser, notes: Notes) -> Answer:
    return await notes.change(await notes.found(id, user, "write"), user, data)


@router.post("/{id}/access/update")
async def set_access(id: str, data: AccessForm, user: VerifiedUser, notes: Notes) -> Answer:
    return await notes.share(await notes.found(id, user, "write"), user, data.access_grants)


@router.post("/{id}/pin")
async def pin(id: str, user: VerifiedUser, notes: Notes) -> Answer:
    """Pinned becomes unpinned; each user has pins of their own."""
    return await notes.pin(await notes.found(id, user, "read"), user)


@router.delete("/{id}/delete")
async def delete(id: str, user: VerifiedUser, notes: Notes) -> bool:
    await notes.delete(await notes.found(id, user, "write"), user)
    return True
