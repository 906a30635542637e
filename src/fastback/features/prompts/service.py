"""Prompts with their revisions and grants: the rules that several routes share."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from fastback import messages
from fastback.access.grants import Grant
from fastback.access.identity import User
from fastback.features.prompts import store
from fastback.features.prompts.schemas import PromptForm
from fastback.features.prompts.store import Prompt
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Unauthorized
from fastback.records.access import RecordAccess
from fastback.records.revision_store import RevisionStore, Snapshot

KIND = "prompt"
prompt_revisions = RevisionStore(KIND)

JsonObject = dict[str, Any]


async def get_prompt(access: RecordAccess, prompt_id: str, user: User, permission: str) -> Prompt:
    """Return a prompt that the user may read or write.

    Raises:
        NotFound: there is no such prompt.
        Unauthorized: the user does not have the permission.
    """
    row = await store.find_prompt(access.db, prompt_id)
    if row is None:
        raise NotFound()
    if not await access.is_allowed_or_admin(user, KIND, row, permission):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    return row


async def load_prompt(access: RecordAccess, prompt_id: str) -> JsonObject:
    """Return a prompt with its grants, as it is stored now.

    Raises:
        NotFound: it has just been deleted.
    """
    row = await store.find_prompt(access.db, prompt_id)
    if row is None:
        raise NotFound()
    return store.serialize_prompt(row, await access.grants.list_grants(KIND, prompt_id))


def _build_snapshot(form: PromptForm, tags: list[str], grants: list[Grant]) -> Snapshot:
    return {
        "name": form.name,
        "content": form.content,
        "command": form.command,
        "data": form.data or {},
        "meta": form.meta or {},
        "tags": tags,
        "access_grants": [msgspec.structs.asdict(grant) for grant in grants],
    }


async def create_prompt(access: RecordAccess, user: User, form: PromptForm) -> JsonObject:
    """Store a new prompt with its first revision.

    Raises:
        BadRequest: the command is taken.
    """
    allowed_grants = await access.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
    prompt_id = str(uuid.uuid4())
    tags = form.tags or []
    try:
        async with access.db.transaction() as tx:
            await store.insert_prompt(
                tx,
                prompt_id,
                user.id,
                command=form.command,
                name=form.name,
                content=form.content,
                data=form.data or {},
                meta=form.meta or {},
                tags=tags,
            )
            grants = await access.grants.replace_grants(tx, KIND, prompt_id, allowed_grants)
            revision_id = await prompt_revisions.insert_revision(
                tx,
                prompt_id,
                _build_snapshot(form, tags, grants),
                user.id,
                parent_id=None,
                message=form.commit_message or "Initial version",
            )
            await store.update_prompt(tx, prompt_id, version_id=revision_id)
    except IntegrityError:
        raise await _explain_conflict(access, form.command) from None
    await access.publish_grants_changed(KIND, prompt_id)
    return await load_prompt(access, prompt_id)


async def _explain_conflict(access: RecordAccess, command: str) -> BadRequest:
    """Return the client's error for an integrity error.

    A concurrent request took the command, or the id of a grant is used already.
    """
    is_taken = await store.find_id_by_command(access.db, command) is not None
    return BadRequest(messages.COMMAND_TAKEN if is_taken else messages.SOMETHING_WRONG)


async def require_free_command(access: RecordAccess, row: Prompt, command: str) -> None:
    """Raise BadRequest if another prompt has the command."""
    if command != row.command and await store.find_id_by_command(access.db, command) not in (None, row.id):
        raise BadRequest(messages.COMMAND_TAKEN)


async def update_prompt(access: RecordAccess, user: User, row: Prompt, form: PromptForm) -> None:
    """Update a prompt, and add a revision if its name, command, content or tags changed.

    A form that is not for production changes only the command of the prompt itself, and adds the revision.

    Raises:
        BadRequest: the command is taken.
    """
    old_tags = msgspec.json.decode(row.tags, type=list[str] | None) or []
    unchanged = (row.name, row.command, row.content) == (form.name, form.command, form.content)
    unchanged = unchanged and (form.tags is None or form.tags == old_tags)
    fields: dict[str, Any] = {"command": form.command}
    if form.is_production:
        fields |= {"name": form.name, "content": form.content}
        fields |= {name: value for name in ("data", "meta") if (value := getattr(form, name))}
        if form.tags is not None:
            fields["tags"] = form.tags
    grants = await access.grants.list_grants(KIND, row.id)
    tags = form.tags if form.tags is not None else old_tags
    try:
        async with access.db.transaction() as tx:
            if not unchanged:
                parent, _ = await prompt_revisions.find_latest(tx, row.id)
                revision_id = await prompt_revisions.insert_revision(
                    tx,
                    row.id,
                    _build_snapshot(form, tags, grants),
                    user.id,
                    parent_id=parent,
                    message=form.commit_message,
                )
                if form.is_production:
                    fields["version_id"] = revision_id
            await store.update_prompt(tx, row.id, **fields)
    except IntegrityError:
        raise await _explain_conflict(access, form.command) from None


async def restore_revision(access: RecordAccess, row: Prompt, version_id: str) -> None:
    """Put a revision into production: everything it stores except the command and the grants.

    Raises:
        BadRequest: the prompt has no such revision.
    """
    async with access.db.transaction() as tx:
        # The lock keeps others from deleting the revision while it goes into production.
        await prompt_revisions.lock_current(tx, row.id)
        revision = await prompt_revisions.find_revision(tx, row.id, version_id)
        if revision is not None:
            names = ("name", "content", "data", "meta", "tags")
            fields = {name: revision.snapshot[name] for name in names if name in revision.snapshot}
            await store.update_prompt(tx, row.id, **fields, version_id=version_id)
    if revision is None:
        raise BadRequest(messages.SOMETHING_WRONG)
