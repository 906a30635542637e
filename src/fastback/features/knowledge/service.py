"""Rules of knowledge that operations share: permission checks, grants, responses, creation, deletion."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.grants import Grant, RequestedGrant
from fastback.access.identity import User
from fastback.features.knowledge import directory_store, store
from fastback.features.knowledge.descriptions import DescriptionIndex
from fastback.features.knowledge.membership import KnowledgeContents
from fastback.features.knowledge.model_references import list_models_with_knowledge, remove_knowledge
from fastback.features.knowledge.store import Knowledge
from fastback.features.models.service import WorkspaceModels
from fastback.kit.bus import Bus
from fastback.kit.http import BadRequest, Forbidden, HttpError, NotFound, Unauthorized
from fastback.kit.storable_text import encode_storable
from fastback.records.access import RecordAccess

KIND: Final = "knowledge"
READ_ONLY = "External knowledge bases are read-only."

JsonObject = dict[str, Any]
_Error = Callable[[str], HttpError]


class AccessErrors(NamedTuple):
    """The errors of an operation for a knowledge that does not exist, and for one that the user may not use."""

    missing: _Error
    forbidden: _Error


#: Operations differ in the status codes for a missing and for a forbidden knowledge, and clients depend on them.
ERRORS_400_400 = AccessErrors(BadRequest, BadRequest)
ERRORS_404_400 = AccessErrors(NotFound, BadRequest)
ERRORS_404_403 = AccessErrors(NotFound, Forbidden)
ERRORS_404_401 = AccessErrors(NotFound, Unauthorized)


class KnowledgeService:
    """Reads and changes knowledge on behalf of users."""

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
        """Return a knowledge that the user may read or write (`permission`).

        Raises:
            HttpError: as `errors` say; BadRequest if it is external and `local_only` is set.
        """
        row = await store.find_knowledge(self.db, knowledge_id)
        if row is None:
            raise errors.missing(messages.NOT_FOUND)
        if local_only and row.is_external:
            raise BadRequest(READ_ONLY)
        if not await self.access.is_allowed_or_admin(user, KIND, row, permission):
            raise errors.forbidden(messages.ACCESS_PROHIBITED)
        return row

    async def require_directories(self, knowledge_id: str, directory_ids: Iterable[str | None], detail: str) -> None:
        """Check that directories belong to a knowledge; None and the empty id mean its top.

        Raises:
            NotFound: with `detail`.
        """
        required_ids = {directory_id for directory_id in directory_ids if directory_id}
        if required_ids and await directory_store.count_directories(self.db, knowledge_id, list(required_ids)) != len(
            required_ids
        ):
            raise NotFound(detail)

    async def build_response_with_files(self, row: Knowledge, grants: list[Grant] | None = None) -> JsonObject:
        """Return a knowledge with the list of its files, the response to changes of it."""
        if grants is None:
            grants = await self.access.grants.list_grants(KIND, row.id)
        files = await store.list_files(self.db, row.id)
        return {**store.build_response(row, grants), "files": files, "write_access": False}

    async def build_response(self, knowledge_id: str) -> JsonObject:
        """Return a knowledge as it is now, without its files.

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
        """Create a knowledge. Grants that its owner may not give are dropped."""
        allowed_grants: list[RequestedGrant] = await self.access.grants.filter_allowed(user.id, user.role, grants, KIND)
        now = int(time.time())
        encoded = msgspec.Raw(encode_storable(meta))
        row = Knowledge(str(uuid.uuid4()), user.id, name, description, encoded, now, now)
        async with self.db.transaction() as tx:
            await store.insert_knowledge(tx, row)
            stored_grants = await self.access.grants.replace_grants(tx, KIND, row.id, allowed_grants)
        await self.access.publish_grants_changed(KIND, row.id)
        self._descriptions.schedule_update(row.id, user)
        return {**store.build_response(row, stored_grants), "files": None}

    async def rename_knowledge(self, knowledge_id: str, user: User, name: str, description: str, **more: Any) -> bool:
        """Change name and description (`more`: its `meta`). Return whether the knowledge exists."""
        changed = await store.update_knowledge(self.db, knowledge_id, name=name, description=description, **more)
        self._descriptions.schedule_update(knowledge_id, user)
        return changed

    async def delete_knowledge(self, row: Knowledge, user: User) -> None:
        """Delete a knowledge, and remove it from the models that refer to it; its files remain.

        Raises:
            Conflict: another request is changing one of the models.
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
        await self.publish_event("knowledge.deleted", user, row.id, name=row.name)

    async def publish_event(self, event: str, user: User, subject_id: str, **data: Any) -> None:
        """Publish an activity event about a knowledge or a part of it."""
        await self._bus.publish(ActivityEvent(event, user, subject_id, data=data))
