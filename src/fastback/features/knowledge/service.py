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
from fastback.features.knowledge.descriptions import DescriptionIndex
from fastback.features.knowledge.membership import KnowledgeContents
from fastback.features.knowledge.model_references import list_models_with_knowledge, remove_knowledge
from fastback.features.knowledge.store import Knowledge
from fastback.features.models.service import WorkspaceModels
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotFound, Unauthorized
from fastback.records.access import RecordAccess

KIND: Final = "knowledge"
READ_ONLY = "External knowledge bases are read-only."

JsonObject = dict[str, Any]
_Error = Callable[[str], HttpError]


class AccessErrors(NamedTuple):
    """How an operation says that a knowledge is not there, and that it is not the caller's to use."""

    missing: _Error
    forbidden: _Error


#: The operations differ in that, and clients read it.
ERRORS_400_400 = AccessErrors(BadRequest, BadRequest)
ERRORS_404_400 = AccessErrors(NotFound, BadRequest)
ERRORS_404_403 = AccessErrors(NotFound, Forbidden)
ERRORS_404_401 = AccessErrors(NotFound, Unauthorized)


class KnowledgeService:
    """Knowledge as records."""

    def __init__(
        self,
        *,
        owned: RecordAccess,
        workspace: WorkspaceModels,
        contents: KnowledgeContents,
        descriptions: DescriptionIndex,
        bus: Bus,
    ) -> None:
        self.access = owned
        self.db = owned.db
        self.contents = contents
        self._workspace = workspace
        self._descriptions = descriptions
        self._bus = bus

    async def get_knowledge(
        self, knowledge_id: str, user: User, permission: str, errors: AccessErrors, *, local_only: bool = False
    ) -> Knowledge:
        """A knowledge that somebody may read or write (`permission`).

        Raises:
            HttpError: as `refusals` say; BadRequest where it has to be `ours` and lies elsewhere.
        """
        row = await store.find_knowledge(self.db, knowledge_id)
        if row is None:
            raise errors.missing(messages.NOT_FOUND)
        if local_only and row.is_external:
            raise BadRequest(READ_ONLY)
        if not await self.access.is_allowed_or_admin(user, KIND, row, permission):
            raise errors.forbidden(messages.ACCESS_PROHIBITED)
        return row

    async def build_response_with_files(self, row: Knowledge, grants: list[Grant] | None = None) -> JsonObject:
        """A knowledge with the list of its files, as changes of it are answered."""
        if grants is None:
            grants = await self.access.grants.list_grants(KIND, row.id)
        files = await store.list_files(self.db, row.id)
        return {**store.build_response(row, grants), "files": files, "write_access": False}

    async def build_response(self, knowledge_id: str) -> JsonObject:
        """A knowledge as it is now, without its files.

        Raises:
            NotFound: it has just been deleted.
        """
        row = await store.find_knowledge(self.db, knowledge_id)
        if row is None:
            raise NotFound()
        return {**store.build_response(row, await self.access.grants.list_grants(KIND, knowledge_id)), "files": None}

    async def create_knowledge(
        self,
        user: User,
        name: str,
        description: str,
        grants: list[dict[str, Any]] | None,
        meta: dict[str, Any] | None = None,
    ) -> JsonObject:
        """Write a new knowledge; grants that its author may not give are left out."""
        allowed_grants: list[RequestedGrant] = await self.access.grants.filter_allowed(user.id, user.role, grants, KIND)
        now = int(time.time())
        encoded = msgspec.Raw(msgspec.json.encode(meta))
        row = Knowledge(str(uuid.uuid4()), user.id, name, description, encoded, now, now)
        async with self.db.transaction() as tx:
            await store.insert_knowledge(tx, row)
            stored_grants = await self.access.grants.replace_grants(tx, KIND, row.id, allowed_grants)
        await self.access.publish_grants_changed(KIND, row.id)
        self._descriptions.schedule_update(row.id, user)
        return {**store.build_response(row, stored_grants), "files": None}

    async def rename_knowledge(self, knowledge_id: str, user: User, name: str, description: str, **more: Any) -> bool:
        """Write what a knowledge is called (`more`: its `meta`); whether it is there."""
        changed = await store.update_knowledge(self.db, knowledge_id, name=name, description=description, **more)
        self._descriptions.schedule_update(knowledge_id, user)
        return changed

    async def delete_knowledge(self, row: Knowledge, user: User) -> None:
        """Delete a knowledge, and take it out of the models that have it; its files stay.

        Raises:
            Conflict: somebody else changes one of the models at this moment.
        """
        models = await list_models_with_knowledge(self.db, row.id)
        async with self.db.transaction() as tx:
            for model in models:
                await self._workspace.write_model(tx, remove_knowledge(model, row.id), user.id, model)
            await self.access.grants.delete_grants(tx, KIND, row.id)
            await store.delete_knowledge(tx, row.id)
        if models:
            await self._workspace.publish_change()
        await self.access.publish_grants_changed(KIND, row.id)
        if not row.is_external:
            await self.contents.drop_chunks(row.id)
        self._descriptions.schedule_update(row.id, user)
        await self.publish("knowledge.deleted", user, row.id, name=row.name)

    async def publish(self, event: str, user: User, subject_id: str, **data: Any) -> None:
        """Tell others what happened."""
        await self._bus.publish(ActivityEvent(event, user, subject_id, data=data))
