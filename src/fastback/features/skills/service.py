"""Skills with their versions, files and grants: what several operations share."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Final

import msgspec
from msgspec import UNSET

from fastback import messages
from fastback.access.identity import User
from fastback.features.skills import files as skill_files
from fastback.features.skills import store
from fastback.features.skills.files import MAIN
from fastback.features.skills.schemas import SkillFile, SkillForm, SkillMeta
from fastback.features.skills.store import Fields, Skill
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from fastback.records.access import RecordAccess
from fastback.records.revision_store import FullRevision, RevisionStore, Snapshot

KIND: Final = "skill"
versions = RevisionStore(KIND)

_ID = re.compile(r"[a-z0-9_-]+")
_NOT_MADE = messages.wrap_reason("Error creating skill")
_NOT_CHANGED = messages.wrap_reason("Error updating skill")


# -- who may ------------------------------------------------------------------------------------------------------


async def allowed(owned: RecordAccess, skill_id: str, user: User, permission: str, refusal: str) -> Skill:
    """A skill that somebody may read or write.

    Raises:
        NotFound; Unauthorized, with `refusal`.
    """
    row = await store.get(owned.db, skill_id)
    if row is None:
        raise NotFound()
    if not await owned.is_allowed(user, KIND, row, permission):
        raise Unauthorized(refusal)
    return row


async def opened(owned: RecordAccess, skill_id: str, user: User, permission: str = "read") -> Skill:
    """The same for files, versions and what is made of them, which refuse otherwise.

    Raises:
        NotFound, Forbidden.
    """
    row = await store.get(owned.db, skill_id)
    if row is None:
        raise NotFound("Skill not found")
    if not await owned.is_allowed(user, KIND, row, permission):
        raise Forbidden("Access denied")
    return row


# -- what a version holds -----------------------------------------------------------------------------------------


async def entry_of(owned: RecordAccess, skill_id: str, version_id: str) -> FullRevision:
    """Raises: NotFound."""
    found = await versions.find_large_revision(owned.db, skill_id, version_id)
    if found is None:
        raise NotFound("Skill version not found")
    return found


def files_in(kept: Snapshot) -> list[SkillFile]:
    """The files that a version holds."""
    return store.files_of(kept["data"])


async def held(owned: RecordAccess, row: Skill, version_id: str | None) -> Snapshot:
    """What a skill holds in a version, or now; its files as `SkillFile`s under `files`.

    Raises:
        NotFound: there is no such version.
    """
    if version_id and version_id != row.version_id:
        kept = (await entry_of(owned, row.id, version_id)).snapshot
        return {**kept, "files": await asyncio.to_thread(files_in, kept)}
    now = await _content(owned, row.id)
    named = {"name": row.name, "description": row.description, "meta": row.shown_meta}
    return {**named, "content": now.content, "files": now.files}


async def _content(owned: RecordAccess, skill_id: str) -> store.Content:
    try:
        return await store.content(owned.db, skill_id)
    except LookupError:
        raise NotFound() from None


def _meta(meta: SkillMeta) -> Fields:
    return {"i18n": meta.i18n, "tags": meta.tags}


def _kept(name: str, description: str | None, meta: Fields, files: list[SkillFile]) -> Snapshot:
    """What a version keeps; the files are encoded already, as they may be long."""
    data = msgspec.Raw(msgspec.json.encode({"files": files}))
    content = skill_files.main_text(files)
    return {"name": name, "description": description, "meta": meta, "content": content, "data": data}


# -- writing ------------------------------------------------------------------------------------------------------


async def create(owned: RecordAccess, user: User, form: SkillForm) -> str:
    """Write a new skill with its first version; its id.

    Raises:
        Unauthorized, BadRequest, Conflict.
    """
    if not await owned.has_any_permission(user, "workspace.skills", "workspace.skills_import"):
        raise Unauthorized(messages.UNAUTHORIZED)
    skill_id = form.id.lower().replace(" ", "-")
    if not _ID.fullmatch(skill_id):
        raise BadRequest(messages.wrap_reason("Invalid skill ID"))
    if await store.get(owned.db, skill_id) is not None:
        raise BadRequest(messages.ID_TAKEN)
    if await store.holder(owned.db, form.name) is not None:
        raise Conflict("A skill with this name already exists")
    wanted = await owned.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
    description = None if form.description is UNSET else form.description
    meta = _meta(SkillMeta() if form.meta is UNSET else form.meta)

    def made() -> Snapshot:
        if form.data is not None and form.files is not None:
            raise ValueError("Provide data or files, not both")
        given = form.data.files if form.data is not None else form.files
        files = given if given is not None else [SkillFile(MAIN, form.content or "")]
        return _kept(form.name, description, meta, skill_files.checked(files))

    try:
        kept = await asyncio.to_thread(made)
        async with owned.db.transaction(long=True) as tx:
            first = await versions.insert_revision(
                tx, skill_id, kept, user.id, parent_id=None, message=form.commit_message
            )
            active = True if form.is_active is UNSET else form.is_active
            await store.insert(tx, skill_id, user.id, kept, version_id=first, is_active=active)
            await owned.grants.replace_grants(tx, KIND, skill_id, wanted)
    except (ValueError, IntegrityError):
        raise BadRequest(_NOT_MADE) from None
    await owned.publish_grants_changed(KIND, skill_id)
    return skill_id


def _changed_files(form: SkillForm, old: list[SkillFile]) -> list[SkillFile]:
    """The files after the change that a form asks for. Raises: ValueError."""
    given = [one for one in (form.files, form.data, form.operations) if one is not None]
    if len(given) > 1:
        raise ValueError("Provide data, files, or operations, not more than one")
    files = form.data.files if form.data is not None else form.files
    files = files if files is not None else old
    if form.operations is not None:
        files = skill_files.changed(files, form.operations)
    if form.content is not None:
        files = [file for file in files if file.path != MAIN] + [SkillFile(MAIN, form.content)]
    return skill_files.checked(files, old)


async def change(owned: RecordAccess, user: User, row: Skill, form: SkillForm) -> None:
    """Write what a form mentions, with a version where something that versions keep changed.

    Raises:
        Conflict: somebody else wrote it meanwhile; BadRequest.
    """
    expected = form.expected_version_id
    if expected is not None and expected != row.version_id:
        raise Conflict({"code": "version_conflict", "current_version_id": row.version_id})
    if expected is None and any(one is not None for one in (form.files, form.data, form.operations)):
        raise BadRequest("expected_version_id is required for file updates")
    now = await _content(owned, row.id)
    description = row.description if form.description is UNSET else form.description
    meta = row.shown_meta if form.meta is UNSET else _meta(form.meta)

    def made() -> Snapshot | None:
        files = _changed_files(form, now.files)
        same = (form.name, description, meta) == (row.name, row.description, row.shown_meta)
        return None if same and files == now.files else _kept(form.name, description, meta, files)

    try:
        kept = await asyncio.to_thread(made)
        async with owned.db.transaction(long=True) as tx:
            if await versions.lock_current(tx, row.id) != row.version_id:
                raise Conflict({"code": "version_conflict"})
            if kept is not None:
                _, latest = await versions.find_latest(tx, row.id)
                version = await versions.insert_revision(
                    tx,
                    row.id,
                    kept,
                    user.id,
                    parent_id=row.version_id,
                    message=form.commit_message,
                    # Lists go by whole seconds: two changes in one second keep their order.
                    created_at=max(int(time.time()), latest + 1),
                )
                await store.hold(tx, row.id, kept, version_id=version)
            active = row.is_active if form.is_active is UNSET else form.is_active
            await store.switch(tx, row.id, is_active=active)
    except (ValueError, IntegrityError):
        raise BadRequest(_NOT_CHANGED) from None
    await owned.publish_grants_changed(KIND, row.id)


async def go_back(owned: RecordAccess, row: Skill, version_id: str, expected: str) -> None:
    """Put a version into use.

    Raises:
        Conflict: another one is in use than expected; NotFound.
    """
    entry = await versions.find_large_revision(owned.db, row.id, version_id)
    kept: Any = {}
    if entry is not None:
        data = await asyncio.to_thread(msgspec.json.encode, entry.snapshot.get("data"))
        kept = {**entry.snapshot, "data": msgspec.Raw(data)}
    async with owned.db.transaction(long=True) as tx:
        current = await versions.lock_current(tx, row.id)
        if current != expected:
            raise Conflict({"code": "version_conflict", "current_version_id": current})
        if entry is None or not await versions.has_revision(tx, row.id, version_id):
            raise NotFound("Skill version not found")
        await store.hold(tx, row.id, kept, version_id=version_id)
    await owned.publish_grants_changed(KIND, row.id)


# -- showing ------------------------------------------------------------------------------------------------------


async def brief(owned: RecordAccess, skill_id: str) -> Fields:
    """A skill as it is now, without what it holds. Raises: NotFound."""
    row = await store.get(owned.db, skill_id)
    if row is None:
        raise NotFound()
    return store.answer(row, await owned.grants.list_grants(KIND, skill_id))


async def full(owned: RecordAccess, skill_id: str) -> Fields:
    """A skill as it is now, with all it holds. Raises: NotFound."""
    row = await store.get(owned.db, skill_id)
    if row is None:
        raise NotFound()
    return store.full(row, await _content(owned, skill_id), await owned.grants.list_grants(KIND, skill_id))
