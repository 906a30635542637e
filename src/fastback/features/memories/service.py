"""Memories: who may use them, and several changes at once."""

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
from fastback.features.memories.paths import cleaned, content_of
from fastback.features.memories.schemas import Operation, OperationsForm
from fastback.features.memories.store import Memory
from fastback.features.memories.vectors import MemoryVectors
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Executor
from fastback.kit.http.errors import BadRequest, Forbidden, NotFound
from fastback.providers.request_context import RequestContext

#: Characters of a memory that an event tells.
PREVIEW = 300

Result = dict[str, Any]


class Memories:
    """Changes rows and vectors together, and tells of it."""

    def __init__(
        self, *, db: Database, config: Config, permissions: Permissions, bus: Bus, vectors: MemoryVectors
    ) -> None:
        self.db = db
        self.vectors = vectors
        self._config = config
        self._permissions = permissions
        self._bus = bus

    async def check(self, user: User) -> None:
        """Raises: NotFound, where memories are switched off; Forbidden, where the user may have none."""
        if not self._config.flag(MEMORIES_ENABLE):
            raise NotFound(messages.NOT_FOUND)
        if not await self.may(user):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def may(self, user: User) -> bool:
        return user.is_admin or await self._permissions.has(user.id, "features.memories")

    async def add(self, ctx: RequestContext, content: str, kind: str, path: str | None) -> Memory:
        """Raises: BadRequest, for nothing to remember and for what is no path."""
        user = ctx.asker
        made = await store.insert(self.db, user.id, content_of(content), kind, cleaned(path), {"created_by": "manual"})
        await self.vectors.keep(user.id, [made], ctx)
        await self._tell("memory.created", user, made)
        return made

    async def change(
        self, ctx: RequestContext, memory_id: str, content: str | None, kind: str | None, path: str | None
    ) -> Memory:
        """Change what is not None; an empty path takes a memory out of its place.

        Raises:
            BadRequest: nothing to change, nothing to remember, or what is no path. NotFound: no memory of the user's.
        """
        user = ctx.asker
        fields: dict[str, Any] = {} if content is None else {"content": content_of(content)}
        place = cleaned(path)
        if path is not None:
            fields["path"] = place
        if kind is not None:
            fields["type"] = kind
        if not fields:
            raise BadRequest("No memory update provided")
        async with self.db.transaction() as tx:
            known = await store.get(tx, memory_id, user.id)
            changed = await store.update(tx, known, {"created_by": "manual"}, **fields) if known is not None else None
        if changed is None:
            raise NotFound(messages.NOT_FOUND)
        await self.vectors.keep(user.id, [changed], ctx)
        await self._tell("memory.updated", user, changed)
        return changed

    async def delete(self, user: User, memory_id: str) -> bool:
        """Whether the user had it."""
        if not await store.delete(self.db, memory_id, user.id):
            return False
        await self.vectors.forget(user.id, [memory_id])
        await self._bus.publish(ActivityEvent("memory.deleted", user, memory_id))
        return True

    async def delete_all(self, user: User) -> None:
        await store.delete_all(self.db, user.id)
        await self.vectors.forget_all(user.id)
        await self._bus.publish(ActivityEvent("memory.deleted", user, user.id, "user"))

    async def remake(self, ctx: RequestContext) -> None:
        """Make the asker's vectors anew. Raises: RetrievalError."""
        user = ctx.asker
        count = await self.vectors.remake(user.id, ctx)
        await self._bus.publish(ActivityEvent("memory.reset", user, user.id, "user", {"count": count, "reindex": True}))

    async def remake_everybodys(self, ctx: RequestContext) -> Result:
        """Make everybody's vectors anew. Raises: RetrievalError."""
        count = await self.vectors.remake_everybodys(ctx)
        users = await store.users(self.db)
        data = {"count": count, "user_count": users, "reindex": True}
        await self._bus.publish(ActivityEvent("memory.reset", ctx.user, "all", "user", data))
        return {"status": True, "total_users": users, "total_memories": count}

    async def apply(self, ctx: RequestContext, form: OperationsForm, model_id: str | None = None) -> list[Result]:
        """Carry out all operations of a form, or none.

        Raises:
            BadRequest: one of them cannot be carried out. NotFound: one changes what is no memory of the asker's.
        """
        if not form.operations:
            raise BadRequest("No memory operations provided")
        user = ctx.asker
        operations = [_checked(one) for one in form.operations]
        meta = {
            "created_by": form.source or "tool",
            "chat_id": ctx.chat_id or None,
            "message_id": ctx.message_id or None,
            "model": model_id,
        }
        async with self.db.transaction() as tx:
            done = [await _carried_out(tx, user.id, one, meta) for one in operations]
        kept = {one.memory.id: one.memory for one in done if one.memory is not None and one.status != "skipped"}
        gone = [one.id for one in done if one.status == "deleted"]
        for memory_id in gone:
            kept.pop(memory_id, None)
        if kept:
            await self.vectors.keep(user.id, list(kept.values()), ctx)
        if gone:
            await self.vectors.forget(user.id, gone)
        for one in done:
            if one.status != "skipped":
                await self._told(user, one)
        return [one.shown() for one in done]

    async def _told(self, user: User, done: _Done) -> None:
        memory = done.memory
        data = {
            "content_preview": memory.content[:PREVIEW] if memory is not None else "",
            "type": memory.type if memory is not None else None,
            "path": memory.path if memory is not None else None,
            "operation": done.action,
        }
        await self._bus.publish(ActivityEvent(f"memory.{done.status}", user, done.id, data=data))

    async def _tell(self, event: str, user: User, memory: Memory) -> None:
        data = {"content_preview": memory.content[:PREVIEW], "type": memory.type, "path": memory.path}
        await self._bus.publish(ActivityEvent(event, user, memory.id, data=data))


class _Done(msgspec.Struct):
    """What became of an operation; `status` is created, updated, deleted or skipped."""

    action: str
    status: str
    id: str
    memory: Memory | None = None

    def shown(self) -> Result:
        found: Result = {"action": self.action, "status": self.status}
        if self.memory is None:
            return found | {"id": self.id}
        found["memory"] = store.shown(self.memory)
        return found | ({"reason": "duplicate"} if self.status == "skipped" else {})


def _checked(operation: Operation) -> Operation:
    """An operation with its content and path in their one form. Raises: BadRequest."""
    if operation.action != "add" and not operation.id:
        raise BadRequest(f"Memory id is required for {operation.action}")
    content = content_of(operation.content) if operation.action in ("add", "replace") else None
    path = cleaned(operation.path) if operation.action != "remove" else None
    return msgspec.structs.replace(operation, content=content, path=path)


async def _carried_out(tx: Executor, user_id: str, one: Operation, meta: dict[str, Any]) -> _Done:
    """Raises: NotFound."""
    content = one.content or ""
    if one.action == "add":
        kind = one.type or "context"
        known = await store.same(tx, user_id, content, kind, one.path)
        if known is not None:
            return _Done("add", "skipped", known.id, known)
        made = await store.insert(tx, user_id, content, kind, one.path, meta)
        return _Done("add", "created", made.id, made)
    memory = await store.get(tx, one.id or "", user_id)
    if memory is None:
        raise NotFound(f"Memory not found: {one.id}")
    if one.action == "remove":
        await store.delete(tx, memory.id, user_id)
        return _Done("remove", "deleted", memory.id)
    fields: dict[str, Any] = {"path": one.path}
    if one.action == "replace":
        fields |= {"content": content, "type": one.type or memory.type}
    return _Done(one.action, "updated", memory.id, await store.update(tx, memory, meta, **fields))
