"""Functions with their versions: what several operations share."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.functions import store
from fastback.features.functions.store import Function
from fastback.features.plugins import revisions, source
from fastback.features.plugins.loading import Description, PluginFailed, Plugins, ValvesMismatch
from fastback.features.plugins.schemas import Fields, PluginForm, checked_meta
from fastback.features.plugins.valves import Valves
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError, Transaction
from fastback.kit.http import BadRequest, NotFound, Unauthorized
from fastback.records.revision_store import Snapshot, Versions

KIND: Final = "function"
versions = Versions(KIND)

_META: dict[str, tuple[Any, Any]] = {"description": (str | None, None), "manifest": (Fields | None, {})}


class SyncedFunction(msgspec.Struct):
    """A function of a full copy; its version belongs to the installation it comes from."""

    id: str
    name: str
    type: str
    content: str
    meta: Fields
    updated_at: int
    created_at: int
    version_id: str | None = None
    user_id: str | None = None
    valves: Fields | None = None
    is_active: bool = False
    is_global: bool = False


class FunctionsChanged(msgspec.Struct, frozen=True):
    """Functions were made, switched, changed or deleted."""


def snapshot(name: str, content: str, meta: Fields) -> Snapshot:
    return revisions.snapshot(name, content, meta, derived=("manifest", "has_user_valves", "toggle"))


class Functions:
    """Functions as records."""

    def __init__(self, *, db: Database, plugins: Plugins, valves: Valves, bus: Bus) -> None:
        self.db = db
        self.plugins = plugins
        self.valves = valves
        self._bus = bus

    async def found(self, function_id: str) -> Function:
        """Raises: Unauthorized, when there is none."""
        row = await store.get(self.db, function_id)
        if row is None:
            raise Unauthorized(messages.NOT_FOUND)
        return row

    async def with_history(self, function_id: str) -> None:
        """Raises: NotFound, when there is none."""
        if await store.get(self.db, function_id) is None:
            raise NotFound("Not found")

    @staticmethod
    def _fields(form: PluginForm | SyncedFunction, content: str, told: Description) -> dict[str, Any]:
        """The columns of a function out of a form and what its code says of itself."""
        meta = checked_meta(form.meta, _META)
        meta["manifest"] = source.frontmatter(content)
        meta["toggle"] = told.toggle
        return {"name": form.name, "type": told.type, "content": content, "meta": meta}

    # -- writing --------------------------------------------------------------------------------------------------

    async def create(self, user: User, form: PluginForm, function_id: str) -> Fields:
        """Write a new function, switched off, with its first version.

        Raises:
            BadRequest: its code does not load, or the id is taken by now.
        """
        content = source.with_present_imports(form.content)
        checked_meta(form.meta, _META)
        try:
            told = await self.plugins.describe(KIND, function_id, content, {})
            fields = self._fields(form, content, told)
            off = {"is_active": False, "is_global": False, "user_id": user.id, "created_at": int(time.time())}
            async with self.db.transaction() as tx:
                await self._add(tx, function_id, user.id, form.commit_message, {**fields, **off})
        except (PluginFailed, IntegrityError):
            raise BadRequest(messages.default("Error creating function")) from None
        await self.changed()
        return store.brief(await self.found(function_id))

    async def _add(
        self, tx: Transaction, function_id: str, user_id: str, message: str | None, fields: dict[str, Any]
    ) -> None:
        kept = snapshot(fields["name"], fields["content"], fields["meta"])
        first = await versions.add(tx, function_id, kept, user_id, parent_id=None, message=message)
        await store.insert(tx, function_id, **fields, version_id=first)

    async def change(self, user: User, function_id: str, form: PluginForm, *, version_id: str | None = None) -> Fields:
        """Write a function anew, with a version of it where name, code or meta changed; `version_id` names one to go
        back to.

        Raises:
            BadRequest: the code does not load or does not take the valves, or there is no such function.
        """
        checked_meta(form.meta, _META)
        content = form.content if version_id else source.with_present_imports(form.content)
        row = await store.get(self.db, function_id)
        try:
            valves = self.valves.read(row.valves) if row is not None else {}
            told = await self.plugins.describe(KIND, function_id, content, valves)
        except ValvesMismatch as error:
            raise BadRequest(f"Current Valves are incompatible with this code: {error}") from None
        except PluginFailed as error:
            raise BadRequest(str(error)) from None
        fields = self._fields(form, content, told)
        async with self.db.transaction() as tx:
            await versions.lock(tx, function_id)
            now = await store.get(tx, function_id)
            if now is None:
                raise BadRequest("Function not found")
            if version_id is not None and not await versions.exists(tx, function_id, version_id):
                raise NotFound("Version not found")
            await self._write(tx, now, user.id, form.commit_message, fields, version_id=version_id)
        await self.changed()
        return store.full(await self.found(function_id))

    async def _write(
        self,
        tx: Transaction,
        now: Function,
        user_id: str,
        message: str | None,
        fields: dict[str, Any],
        *,
        version_id: str | None = None,
    ) -> None:
        version = version_id or now.version_id
        kept = snapshot(fields["name"], fields["content"], fields["meta"])
        if version is None or (version_id is None and kept != snapshot(now.name, now.content, now.meta)):
            version = await versions.add(tx, now.id, kept, user_id, parent_id=version, message=message)
        await store.update(tx, now.id, **fields, version_id=version)

    async def replace_all(self, user: User, functions: list[SyncedFunction]) -> list[Fields]:
        """Write these functions and delete all others, together or not at all.

        Raises:
            BadRequest: one of them does not load or does not take its valves, or two have one id.
        """
        drafts: dict[str, dict[str, Any]] = {}
        try:
            for one in functions:
                content = source.with_present_imports(one.content)
                told = await self.plugins.describe(KIND, one.id, content, one.valves or {})
                drafts[one.id] = {
                    **self._fields(one, content, told),
                    "valves": self.valves.written(one.valves),
                    "user_id": user.id,
                    "is_active": one.is_active,
                    "is_global": one.is_global,
                    "created_at": one.created_at,
                }
        except PluginFailed:
            raise BadRequest(messages.default("Error loading function")) from None
        if len(drafts) < len(functions):
            raise BadRequest(messages.default("Error loading function"))
        async with self.db.transaction() as tx:
            existing = {row.id: row for row in await store.everything(tx)}
            for function_id, fields in drafts.items():
                if function_id in existing:
                    await self._write(tx, existing[function_id], user.id, None, fields)
                else:
                    await self._add(tx, function_id, user.id, None, fields)
            for function_id in existing.keys() - drafts.keys():
                await versions.remove_all(tx, function_id)
                await store.delete(tx, function_id)
        await self.changed()
        return await self.exported(valves=True)

    async def switch(self, row: Function, **flags: bool) -> Fields:
        """Set `is_active` or `is_global`."""
        await store.update(self.db, row.id, **flags)
        await self.changed()
        return store.full(await self.found(row.id))

    async def delete(self, function_id: str) -> None:
        async with self.db.transaction() as tx:
            await versions.remove_all(tx, function_id)
            await store.delete(tx, function_id)
        await self.changed()

    # -- showing --------------------------------------------------------------------------------------------------

    async def exported(self, *, valves: bool) -> list[Fields]:
        rows = await store.everything(self.db)
        return [store.full(row, valves=self.valves.read(row.valves) if valves else None) for row in rows]

    async def changed(self) -> None:
        """Tell that functions were written."""
        await self._bus.publish(FunctionsChanged())
