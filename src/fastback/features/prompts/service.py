"""Prompts with their versions and grants: what several operations share."""

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
from fastback.records.ownership import Ownership
from fastback.records.revisions import Snapshot, Versions

KIND = "prompt"
versions = Versions(KIND)

Answer = dict[str, Any]


async def found(owned: Ownership, prompt_id: str, user: User, permission: str) -> Prompt:
    """A prompt that somebody may read or write.

    Raises:
        NotFound, Unauthorized.
    """
    row = await store.get(owned.db, prompt_id)
    if row is None:
        raise NotFound()
    if not await owned.may_or_admin(user, KIND, row, permission):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    return row


async def shown(owned: Ownership, prompt_id: str) -> Answer:
    """A prompt as it is now, with its grants.

    Raises:
        NotFound: it has just been deleted.
    """
    row = await store.get(owned.db, prompt_id)
    if row is None:
        raise NotFound()
    return store.answer(row, await owned.grants.of(KIND, prompt_id))


def _snapshot(form: PromptForm, tags: list[str], grants: list[Grant]) -> Snapshot:
    return {
        "name": form.name,
        "content": form.content,
        "command": form.command,
        "data": form.data or {},
        "meta": form.meta or {},
        "tags": tags,
        "access_grants": [msgspec.structs.asdict(grant) for grant in grants],
    }


async def create(owned: Ownership, user: User, form: PromptForm) -> Answer:
    """Write a new prompt with its first version.

    Raises:
        BadRequest: the command is taken.
    """
    wanted = await owned.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
    prompt_id = str(uuid.uuid4())
    tags = form.tags or []
    try:
        async with owned.db.transaction() as tx:
            await store.insert(
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
            grants = await owned.grants.replace(tx, KIND, prompt_id, wanted)
            first = await versions.add(
                tx,
                prompt_id,
                _snapshot(form, tags, grants),
                user.id,
                parent_id=None,
                message=form.commit_message or "Initial version",
            )
            await store.update(tx, prompt_id, version_id=first)
    except IntegrityError:
        raise await _why_not(owned, form.command) from None
    await owned.changed(KIND, prompt_id)
    return await shown(owned, prompt_id)


async def _why_not(owned: Ownership, command: str) -> BadRequest:
    """Why the schema refused a prompt: somebody was faster with the command, or a grant's id is used already."""
    taken = await store.holder(owned.db, command) is not None
    return BadRequest(messages.COMMAND_TAKEN if taken else messages.SOMETHING_WRONG)


async def check_command(owned: Ownership, row: Prompt, command: str) -> None:
    """Raises: BadRequest, when another prompt has the command."""
    if command != row.command and await store.holder(owned.db, command) not in (None, row.id):
        raise BadRequest(messages.COMMAND_TAKEN)


async def change(owned: Ownership, user: User, row: Prompt, form: PromptForm) -> None:
    """Write a prompt anew, with a version of it where its name, command, content or tags changed.

    A form that is not for production leaves the prompt as it is, but for the command, and adds the version alone.

    Raises:
        BadRequest: the command is taken.
    """
    old_tags = msgspec.json.decode(row.tags, type=list[str] | None) or []
    same = (row.name, row.command, row.content) == (form.name, form.command, form.content)
    same = same and (form.tags is None or form.tags == old_tags)
    fields: dict[str, Any] = {"command": form.command}
    if form.is_production:
        fields |= {"name": form.name, "content": form.content}
        fields |= {name: value for name in ("data", "meta") if (value := getattr(form, name))}
        if form.tags is not None:
            fields["tags"] = form.tags
    grants = await owned.grants.of(KIND, row.id)
    tags = form.tags if form.tags is not None else old_tags
    try:
        async with owned.db.transaction() as tx:
            if not same:
                parent, _ = await versions.latest(tx, row.id)
                version = await versions.add(
                    tx,
                    row.id,
                    _snapshot(form, tags, grants),
                    user.id,
                    parent_id=parent,
                    message=form.commit_message,
                )
                if form.is_production:
                    fields["version_id"] = version
            await store.update(tx, row.id, **fields)
    except IntegrityError:
        raise await _why_not(owned, form.command) from None


async def go_back(owned: Ownership, row: Prompt, version_id: str) -> None:
    """Put a version into use: all it holds but the command and the grants.

    Raises:
        BadRequest: the prompt has no such version.
    """
    async with owned.db.transaction() as tx:
        # Nobody deletes the version while it becomes the one in use.
        await versions.lock(tx, row.id)
        entry = await versions.get(tx, row.id, version_id)
        if entry is not None:
            names = ("name", "content", "data", "meta", "tags")
            kept = {name: entry.snapshot[name] for name in names if name in entry.snapshot}
            await store.update(tx, row.id, **kept, version_id=version_id)
    if entry is None:
        raise BadRequest(messages.SOMETHING_WRONG)
