"""Rules of memories: who may use them, changes of rows and vectors together, several changes at once."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import MEMORIES_ENABLE
from fastback.features.memories import store
from fastback.features.memories.paths import normalise_path, require_content
from fastback.features.memories.schemas import Operation, OperationsForm
from fastback.features.memories.store import Memory
from fastback.features.memories.vectors import MemoryVectors
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Executor
from fastback.kit.http.errors import BadRequest, Forbidden, NotFound
from fastback.providers.request_context import RequestContext

#: Characters of a memory that an activity event contains.
PREVIEW_CHARACTERS = 300

JsonObject = dict[str, Any]


class MemoryService:
    """Changes rows and vectors together, and publishes activity events."""

    def __init__(
        self, *, db: Database, config: Config, permissions: Permissions, bus: Bus, vectors: MemoryVectors
    ) -> None:
        self.db = db
        self.vectors = vectors
        self._config = config
        self._permissions = permissions
        self._bus = bus

    async def require_access(self, user: User) -> None:
        """Check that a user may use memories.

        Raises:
            NotFound: memories are switched off.
            Forbidden: the user lacks the permission.
        """
        if not self._config.get_bool(MEMORIES_ENABLE):
            raise NotFound(messages.NOT_FOUND)
        if not await self.may_use(user):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def may_use(self, user: User) -> bool:
        return user.is_admin or await self._permissions.has(user.id, "features.memories")

    async def add_memory(self, ctx: RequestContext, content: str, memory_type: str, path: str | None) -> Memory:
        """Add a memory.

        Raises:
            BadRequest: the content is empty, or the path is invalid.
        """
        user = ctx.requester
        memory = await store.insert_memory(
            self.db, user.id, require_content(content), memory_type, normalise_path(path), {"created_by": "manual"}
        )
        await self.vectors.write_vectors(user.id, [memory], ctx)
        await self._publish_event("memory.created", user, memory)
        return memory

    async def update_memory(
        self, ctx: RequestContext, memory_id: str, content: str | None, memory_type: str | None, path: str | None
    ) -> Memory:
        """Change the fields that are not None; an empty path removes the memory from its path.

        Raises:
            BadRequest: no field is given, the content is empty, or the path is invalid.
            NotFound: the user has no such memory.
        """
        user = ctx.requester
        fields: dict[str, Any] = {} if content is None else {"content": require_content(content)}
        normalised_path = normalise_path(path)
        if path is not None:
            fields["path"] = normalised_path
        if memory_type is not None:
            fields["type"] = memory_type
        if not fields:
            raise BadRequest("No memory update provided")
        async with self.db.transaction() as tx:
            existing = await store.find_memory(tx, memory_id, user.id)
            updated = (
                await store.update_memory(tx, existing, {"created_by": "manual"}, **fields)
                if existing is not None
                else None
            )
        if updated is None:
            raise NotFound(messages.NOT_FOUND)
        await self.vectors.write_vectors(user.id, [updated], ctx)
        await self._publish_event("memory.updated", user, updated)
        return updated

    async def delete_memory(self, user: User, memory_id: str) -> bool:
        """Delete a memory. Return whether the user had it."""
        if not await store.delete_memory(self.db, memory_id, user.id):
            return False
        await self.vectors.delete_vectors(user.id, [memory_id])
        await self._bus.publish(ActivityEvent("memory.deleted", user, memory_id))
        return True

    async def delete_all_memories(self, user: User) -> None:
        await store.delete_all_memories(self.db, user.id)
        await self.vectors.drop_collection(user.id)
        await self._bus.publish(ActivityEvent("memory.deleted", user, user.id, "user"))

    async def rebuild_vectors(self, ctx: RequestContext) -> None:
        """Rebuild the vectors of the requester's memories.

        Raises:
            RetrievalError: embedding failed.
        """
        user = ctx.requester
        count = await self.vectors.rebuild(user.id, ctx)
        await self._bus.publish(ActivityEvent("memory.reset", user, user.id, "user", {"count": count, "reindex": True}))

    async def rebuild_all_vectors(self, ctx: RequestContext) -> JsonObject:
        """Rebuild the vectors of all users' memories.

        Raises:
            RetrievalError: embedding failed.
        """
        count = await self.vectors.rebuild_all(ctx)
        users = await store.count_users(self.db)
        data = {"count": count, "user_count": users, "reindex": True}
        await self._bus.publish(ActivityEvent("memory.reset", ctx.user, "all", "user", data))
        return {"status": True, "total_users": users, "total_memories": count}

    async def apply_operations(
        self, ctx: RequestContext, form: OperationsForm, model_id: str | None = None
    ) -> list[JsonObject]:
        """Apply all operations of a form, or none.

        Raises:
            BadRequest: an operation is invalid.
            NotFound: an operation changes a memory that the requester does not have.
        """
        if not form.operations:
            raise BadRequest("No memory operations provided")
        user = ctx.requester
        operations = [_normalise_operation(operation) for operation in form.operations]
        meta = {
            "created_by": form.source or "tool",
            "chat_id": ctx.chat_id or None,
            "message_id": ctx.message_id or None,
            "model": model_id,
        }
        async with self.db.transaction() as tx:
            results = [await _apply_operation(tx, user.id, operation, meta) for operation in operations]
        written = {
            result.memory.id: result.memory
            for result in results
            if result.memory is not None and result.status != "skipped"
        }
        deleted_ids = [result.id for result in results if result.status == "deleted"]
        for memory_id in deleted_ids:
            written.pop(memory_id, None)
        if written:
            await self.vectors.write_vectors(user.id, list(written.values()), ctx)
        if deleted_ids:
            await self.vectors.delete_vectors(user.id, deleted_ids)
        for result in results:
            if result.status != "skipped":
                await self._publish_result(user, result)
        return [result.build_response() for result in results]

    async def _publish_result(self, user: User, result: _OperationResult) -> None:
        memory = result.memory
        data = {
            "content_preview": memory.content[:PREVIEW_CHARACTERS] if memory is not None else "",
            "type": memory.type if memory is not None else None,
            "path": memory.path if memory is not None else None,
            "operation": result.action,
        }
        await self._bus.publish(ActivityEvent(f"memory.{result.status}", user, result.id, data=data))

    async def _publish_event(self, event: str, user: User, memory: Memory) -> None:
        data = {"content_preview": memory.content[:PREVIEW_CHARACTERS], "type": memory.type, "path": memory.path}
        await self._bus.publish(ActivityEvent(event, user, memory.id, data=data))


class _OperationResult(msgspec.Struct):
    """The result of an operation; `status` is created, updated, deleted or skipped."""

    action: str
    status: str
    id: str
    memory: Memory | None = None

    def build_response(self) -> JsonObject:
        response: JsonObject = {"action": self.action, "status": self.status}
        if self.memory is None:
            return response | {"id": self.id}
        response["memory"] = store.build_response(self.memory)
        return response | ({"reason": "duplicate"} if self.status == "skipped" else {})


def _normalise_operation(operation: Operation) -> Operation:
    """Return an operation with its content and path in normal form.

    Raises:
        BadRequest: the operation is invalid.
    """
    if operation.action != "add" and not operation.id:
        raise BadRequest(f"Memory id is required for {operation.action}")
    content = require_content(operation.content) if operation.action in ("add", "replace") else None
    path = normalise_path(operation.path) if operation.action != "remove" else None
    return msgspec.structs.replace(operation, content=content, path=path)


async def _apply_operation(tx: Executor, user_id: str, operation: Operation, meta: dict[str, Any]) -> _OperationResult:
    """Apply one operation.

    Raises:
        NotFound: the user has no such memory.
    """
    content = operation.content or ""
    if operation.action == "add":
        memory_type = operation.type or "context"
        duplicate = await store.find_duplicate(tx, user_id, content, memory_type, operation.path)
        if duplicate is not None:
            return _OperationResult("add", "skipped", duplicate.id, duplicate)
        created = await store.insert_memory(tx, user_id, content, memory_type, operation.path, meta)
        return _OperationResult("add", "created", created.id, created)
    memory = await store.find_memory(tx, operation.id or "", user_id)
    if memory is None:
        raise NotFound(f"Memory not found: {operation.id}")
    if operation.action == "remove":
        await store.delete_memory(tx, memory.id, user_id)
        return _OperationResult("remove", "deleted", memory.id)
    fields: dict[str, Any] = {"path": operation.path}
    if operation.action == "replace":
        fields |= {"content": content, "type": operation.type or memory.type}
    return _OperationResult(
        operation.action, "updated", memory.id, await store.update_memory(tx, memory, meta, **fields)
    )
