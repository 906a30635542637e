"""`/api/v1/notes`: create, read, change, share, pin and delete a note."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.notes.schemas import AccessForm, NoteChange, NoteForm
from fastback.features.notes.service import KIND, Answer, NoteService
from fastback.kit.http import Router

router = Router("/api/v1/notes")


@router.post("/create", takes_content=True)
async def create_note(data: NoteForm, user: VerifiedUser, notes: NoteService) -> Answer:
    """Create a note."""
    await notes.require_feature(user)
    return await notes.create_note(user, data)


@router.get("/{id}")
async def get_note(id: str, user: VerifiedUser, notes: NoteService) -> Answer:
    """Return a note, and whether the user may write it."""
    note = await notes.get_permitted_note(id, user, "read")
    may_write = await notes.records.is_allowed_or_admin(user, KIND, note, "write")
    return {**await notes.describe_note(note, user), "write_access": may_write}


@router.post("/{id}/update", takes_content=True)
async def update_note(id: str, data: NoteChange, user: VerifiedUser, notes: NoteService) -> Answer:
    """Change the title, data or meta of a note."""
    return await notes.change_note(await notes.get_permitted_note(id, user, "write"), user, data)


@router.post("/{id}/access/update")
async def set_note_access(id: str, data: AccessForm, user: VerifiedUser, notes: NoteService) -> Answer:
    """Replace the grants of a note."""
    return await notes.share_note(await notes.get_permitted_note(id, user, "write"), user, data.access_grants)


@router.post("/{id}/pin")
async def toggle_note_pin(id: str, user: VerifiedUser, notes: NoteService) -> Answer:
    """Pin or unpin a note; each user has their own pins."""
    return await notes.toggle_pin(await notes.get_permitted_note(id, user, "read"), user)


@router.delete("/{id}/delete")
async def delete_note(id: str, user: VerifiedUser, notes: NoteService) -> bool:
    """Delete a note."""
    await notes.delete_note(await notes.get_permitted_note(id, user, "write"), user)
    return True
