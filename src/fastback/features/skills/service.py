"""Skills with their revisions, files and grants: the rules that several routes share."""

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
from fastback.features.skills.files import MAIN_FILE
from fastback.features.skills.schemas import SkillFile, SkillForm, SkillMeta
from fastback.features.skills.store import Fields, Skill
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from fastback.kit.storable_text import encode_storable
from fastback.records.access import RecordAccess
from fastback.records.revision_store import FullRevision, RevisionStore, Snapshot

KIND: Final = "skill"
skill_revisions = RevisionStore(KIND)

_ID = re.compile(r"[a-z0-9_-]+")
_CREATE_FAILED = messages.wrap_reason("Error creating skill")
_UPDATE_FAILED = messages.wrap_reason("Error updating skill")


# -- access -------------------------------------------------------------------------------------------------------


async def get_skill(access: RecordAccess, skill_id: str, user: User, permission: str, refusal: str) -> Skill:
    """Return a skill that the user may read or write.

    Raises:
        NotFound: there is no such skill.
        Unauthorized: the user does not have the permission; `refusal` is the message.
    """
    row = await store.find_skill(access.db, skill_id)
    if row is None:
        raise NotFound()
    if not await access.is_allowed(user, KIND, row, permission):
        raise Unauthorized(refusal)
    return row


async def get_skill_for_content(access: RecordAccess, skill_id: str, user: User, permission: str = "read") -> Skill:
    """Return a skill like `get_skill`, for routes of files, revisions and exports, which have other error responses.

    Raises:
        NotFound: there is no such skill.
        Forbidden: the user does not have the permission.
    """
    row = await store.find_skill(access.db, skill_id)
    if row is None:
        raise NotFound("Skill not found")
    if not await access.is_allowed(user, KIND, row, permission):
        raise Forbidden("Access denied")
    return row


# -- content of a revision ----------------------------------------------------------------------------------------


async def get_revision(access: RecordAccess, skill_id: str, version_id: str) -> FullRevision:
    """Return a revision.

    Raises:
        NotFound: there is no such revision.
    """
    revision = await skill_revisions.find_large_revision(access.db, skill_id, version_id)
    if revision is None:
        raise NotFound("Skill version not found")
    return revision


def decode_files(snapshot: Snapshot) -> list[SkillFile]:
    """Return the files that a revision stores."""
    return store.convert_files(snapshot["data"])


async def load_contents(access: RecordAccess, row: Skill, version_id: str | None) -> Snapshot:
    """Return the content of a skill, or of one of its revisions; `files` holds its `SkillFile`s.

    Raises:
        NotFound: there is no such revision.
    """
    if version_id and version_id != row.version_id:
        snapshot = (await get_revision(access, row.id, version_id)).snapshot
        return {**snapshot, "files": await asyncio.to_thread(decode_files, snapshot)}
    content = await _load_content(access, row.id)
    fields = {"name": row.name, "description": row.description, "meta": row.shown_meta}
    return {**fields, "content": content.content, "files": content.files}


async def _load_content(access: RecordAccess, skill_id: str) -> store.Content:
    try:
        return await store.load_content(access.db, skill_id)
    except LookupError:
        raise NotFound() from None


def _encode_meta(meta: SkillMeta) -> Fields:
    return {"i18n": meta.i18n, "tags": meta.tags}


def _build_snapshot(name: str, description: str | None, meta: Fields, files: list[SkillFile]) -> Snapshot:
    """Return what a revision stores; the files, which may be long, are encoded already."""
    data = msgspec.Raw(encode_storable({"files": files}))
    content = skill_files.get_main_text(files)
    return {"name": name, "description": description, "meta": meta, "content": content, "data": data}


# -- writing ------------------------------------------------------------------------------------------------------


async def create_skill(access: RecordAccess, user: User, form: SkillForm) -> str:
    """Store a new skill with its first revision, and return its id.

    Raises:
        Unauthorized: the user may not create skills.
        BadRequest: the id is invalid or taken, or the files are invalid.
        Conflict: the name is taken.
    """
    if not await access.has_any_permission(user, "workspace.skills", "workspace.skills_import"):
        raise Unauthorized(messages.UNAUTHORIZED)
    skill_id = form.id.lower().replace(" ", "-")
    if not _ID.fullmatch(skill_id):
        raise BadRequest(messages.wrap_reason("Invalid skill ID"))
    if await store.find_skill(access.db, skill_id) is not None:
        raise BadRequest(messages.ID_TAKEN)
    if await store.find_id_by_name(access.db, form.name) is not None:
        raise Conflict("A skill with this name already exists")
    allowed_grants = await access.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
    description = None if form.description is UNSET else form.description
    meta = _encode_meta(SkillMeta() if form.meta is UNSET else form.meta)

    def build_first_snapshot() -> Snapshot:
        if form.data is not None and form.files is not None:
            raise ValueError("Provide data or files, not both")
        sent_files = form.data.files if form.data is not None else form.files
        files = sent_files if sent_files is not None else [SkillFile(MAIN_FILE, form.content or "")]
        return _build_snapshot(form.name, description, meta, skill_files.validate_files(files))

    try:
        snapshot = await asyncio.to_thread(build_first_snapshot)
        async with access.db.transaction(long=True) as tx:
            revision_id = await skill_revisions.insert_revision(
                tx, skill_id, snapshot, user.id, parent_id=None, message=form.commit_message
            )
            is_active = True if form.is_active is UNSET else form.is_active
            await store.insert_skill(tx, skill_id, user.id, snapshot, version_id=revision_id, is_active=is_active)
            await access.grants.replace_grants(tx, KIND, skill_id, allowed_grants)
    except (ValueError, IntegrityError) as error:
        raise BadRequest(_CREATE_FAILED) from error
    await access.publish_grants_changed(KIND, skill_id)
    return skill_id


def _build_changed_files(form: SkillForm, current_files: list[SkillFile]) -> list[SkillFile]:
    """Return the files after the change that a form asks for.

    Raises:
        ValueError: the form or the resulting files are invalid.
    """
    changes = [change for change in (form.files, form.data, form.operations) if change is not None]
    if len(changes) > 1:
        raise ValueError("Provide data, files, or operations, not more than one")
    files = form.data.files if form.data is not None else form.files
    files = files if files is not None else current_files
    if form.operations is not None:
        files = skill_files.apply_operations(files, form.operations)
    if form.content is not None:
        files = [file for file in files if file.path != MAIN_FILE] + [SkillFile(MAIN_FILE, form.content)]
    return skill_files.validate_files(files, current_files)


async def update_skill(access: RecordAccess, user: User, row: Skill, form: SkillForm) -> None:
    """Write the fields that a form mentions, and add a revision if a field that revisions store changed.

    Raises:
        Conflict: the skill was updated by another request.
        BadRequest: the form or the resulting files are invalid.
    """
    expected_id = form.expected_version_id
    if expected_id is not None and expected_id != row.version_id:
        raise Conflict({"code": "version_conflict", "current_version_id": row.version_id})
    if expected_id is None and any(file_change is not None for file_change in (form.files, form.data, form.operations)):
        raise BadRequest("expected_version_id is required for file updates")
    current = await _load_content(access, row.id)
    description = row.description if form.description is UNSET else form.description
    meta = row.shown_meta if form.meta is UNSET else _encode_meta(form.meta)

    def build_changed_snapshot() -> Snapshot | None:
        files = _build_changed_files(form, current.files)
        fields_unchanged = (form.name, description, meta) == (row.name, row.description, row.shown_meta)
        if fields_unchanged and files == current.files:
            return None
        return _build_snapshot(form.name, description, meta, files)

    try:
        snapshot = await asyncio.to_thread(build_changed_snapshot)
        async with access.db.transaction(long=True) as tx:
            if await skill_revisions.lock_current(tx, row.id) != row.version_id:
                raise Conflict({"code": "version_conflict"})
            if snapshot is not None:
                _, latest_time = await skill_revisions.find_latest(tx, row.id)
                revision_id = await skill_revisions.insert_revision(
                    tx,
                    row.id,
                    snapshot,
                    user.id,
                    parent_id=row.version_id,
                    message=form.commit_message,
                    # Lists are sorted by whole seconds; this keeps two updates within a second in order.
                    created_at=max(int(time.time()), latest_time + 1),
                )
                await store.apply_snapshot(tx, row.id, snapshot, version_id=revision_id)
            is_active = row.is_active if form.is_active is UNSET else form.is_active
            await store.set_active(tx, row.id, is_active=is_active)
    except (ValueError, IntegrityError) as error:
        raise BadRequest(_UPDATE_FAILED) from error
    await access.publish_grants_changed(KIND, row.id)


async def restore_revision(access: RecordAccess, row: Skill, version_id: str, expected: str) -> None:
    """Put a revision into use.

    Raises:
        Conflict: the revision in use is not the expected one.
        NotFound: there is no such revision.
    """
    revision = await skill_revisions.find_large_revision(access.db, row.id, version_id)
    snapshot: Any = {}
    if revision is not None:
        data = await asyncio.to_thread(msgspec.json.encode, revision.snapshot.get("data"))
        snapshot = {**revision.snapshot, "data": msgspec.Raw(data)}
    async with access.db.transaction(long=True) as tx:
        current = await skill_revisions.lock_current(tx, row.id)
        if current != expected:
            raise Conflict({"code": "version_conflict", "current_version_id": current})
        if revision is None or not await skill_revisions.has_revision(tx, row.id, version_id):
            raise NotFound("Skill version not found")
        await store.apply_snapshot(tx, row.id, snapshot, version_id=version_id)
    await access.publish_grants_changed(KIND, row.id)


# -- showing ------------------------------------------------------------------------------------------------------


async def load_summary(access: RecordAccess, skill_id: str) -> Fields:
    """Return a skill without its content, as it is stored now.

    Raises:
        NotFound: there is no such skill.
    """
    row = await store.find_skill(access.db, skill_id)
    if row is None:
        raise NotFound()
    return store.serialize_summary(row, await access.grants.list_grants(KIND, skill_id))


async def load_skill(access: RecordAccess, skill_id: str) -> Fields:
    """Return a skill with its content, as it is stored now.

    Raises:
        NotFound: there is no such skill.
    """
    row = await store.find_skill(access.db, skill_id)
    if row is None:
        raise NotFound()
    return store.serialize_skill(
        row, await _load_content(access, skill_id), await access.grants.list_grants(KIND, skill_id)
    )
