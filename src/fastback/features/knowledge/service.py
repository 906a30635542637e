"""Knowledge with its grants, files and directories: what several operations share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grant, RequestedGrant
from fastback.access.identity import User
from fastback.features.knowledge import store
from fastback.features.knowledge.descriptions import Descriptions
from fastback.features.knowledge.membership import Contents
from fastback.features.knowledge.model_references import models_with, without
from fastback.features.knowledge.store import Knowledge
from fastback.features.models.service import WorkspaceModels
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotFound, Unauthorized
from fastback.records.access import RecordAccess

KIND: Final = "knowledge"
READ_ONLY = "External knowledge bases are read-only."

Answer = dict[str, Any]
_Error = Callable[[str], HttpError]


class Refusals(NamedTuple):
    """How an operation says that a knowledge is not there, and that it is not the caller's to use."""

    missing: _Error
    forbidden: _Error


#: The operations differ in that, and clients read it.
PLAIN = Refusals(BadRequest, BadRequest)
NAMED = Refusals(NotFound, BadRequest)
STRICT = Refusals(NotFound, Forbidden)
SHOWN = Refusals(NotFound, Unauthorized)


class Library:
    """Knowledge as records."""

    def __init__(
        self,
        *,
        owned: RecordAccess,
        workspace: WorkspaceModels,
        contents: Contents,
        descriptions: Descriptions,
        bus: Bus,
    ) -> None:
        self.owned = owned
        self.db = owned.db
        self.contents = contents
        self._workspace = workspace
        self._descriptions = descriptions
        self._bus = bus

    async def found(
        self, knowledge_id: str, user: User, permission: str, refusals: Refusals, *, ours: bool = False
    ) -> Knowledge:
        """A knowledge that somebody may read or write (`permission`).

        Raises:
            HttpError: as `refusals` say; BadRequest where it has to be `ours` and lies elsewhere.
        """
        row = await store.get(self.db, knowledge_id)
        if row is None:
            raise refusals.missing(messages.NOT_FOUND)
        if ours and row.is_external:
            raise BadRequest(READ_ONLY)
        if not await self.owned.is_allowed_or_admin(user, KIND, row, permission):
            raise refusals.forbidden(messages.ACCESS_PROHIBITED)
        return row

    async def with_files(self, row: Knowledge, grants: list[Grant] | None = None) -> Answer:
        """A knowledge with the list of its files, as changes of it are answered."""
        if grants is None:
            grants = await self.owned.grants.list_grants(KIND, row.id)
        files = await store.files(self.db, row.id)
        return {**store.answer(row, grants), "files": files, "write_access": False}

    async def bare(self, knowledge_id: str) -> Answer:
        """A knowledge as it is now, without its files.

        Raises:
            NotFound: it has just been deleted.
        """
        row = await store.get(self.db, knowledge_id)
        if row is None:
            raise NotFound()
        return {**store.answer(row, await self.owned.grants.list_grants(KIND, knowledge_id)), "files": None}

    async def create(
        self,
        user: User,
        name: str,
        description: str,
        grants: list[dict[str, Any]] | None,
        meta: dict[str, Any] | None = None,
    ) -> Answer:
        """Write a new knowledge; grants that its author may not give are left out."""
        wanted: list[RequestedGrant] = await self.owned.grants.filter_allowed(user.id, user.role, grants, KIND)
        now = int(time.time())
        encoded = msgspec.Raw(msgspec.json.encode(meta))
        row = Knowledge(str(uuid.uuid4()), user.id, name, description, encoded, now, now)
        async with self.db.transaction() as tx:
            await store.insert(tx, row)
            given = await self.owned.grants.replace_grants(tx, KIND, row.id, wanted)
        await self.owned.publish_grants_changed(KIND, row.id)
        self._descriptions.follow(row.id, user)
        return {**store.answer(row, given), "files": None}

    async def rename(self, knowledge_id: str, user: User, name: str, description: str, **more: Any) -> bool:
        """Write what a knowledge is called (`more`: its `meta`); whether it is there."""
        changed = await store.update(self.db, knowledge_id, name=name, description=description, **more)
        self._descriptions.follow(knowledge_id, user)
        return changed

    async def delete(self, row: Knowledge, user: User) -> None:
        """Delete a knowledge, and take it out of the models that have it; its files stay.

        Raises:
            Conflict: somebody else changes one of the models at this moment.
        """
        models = await models_with(self.db, row.id)
        async with self.db.transaction() as tx:
            for model in models:
                await self._workspace.write_model(tx, without(model, row.id), user.id, model)
            await self.owned.grants.delete_grants(tx, KIND, row.id)
            await store.delete(tx, row.id)
        if models:
            await self._workspace.publish_change()
        await self.owned.publish_grants_changed(KIND, row.id)
        if not row.is_external:
            await self.contents.drop(row.id)
        self._descriptions.follow(row.id, user)
        await self.tell("knowledge.deleted", user, row.id, name=row.name)

    async def tell(self, event: str, user: User, subject_id: str, **data: Any) -> None:
        """Tell others what happened."""
        await self._bus.publish(ActivityEvent(event, user, subject_id, data=data))
