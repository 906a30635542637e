"""Functions with their revisions: the rules that several routes share."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.functions import store
from fastback.features.functions.events import FunctionsChanged
from fastback.features.functions.store import Function
from fastback.features.plugins import revisions
from fastback.features.plugins.loading import (
    Description,
    PackageMissing,
    PluginError,
    PluginInspector,
    ValvesMismatch,
)
from fastback.features.plugins.schemas import Fields, PluginForm, normalise_meta
from fastback.features.plugins.valves import ValveStore
from fastback.kit import plugin_source
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError, Transaction
from fastback.kit.http import BadRequest, NotFound, Unauthorized
from fastback.records.revision_store import RevisionStore, Snapshot

KIND: Final = "function"
function_revisions = RevisionStore(KIND)

_META: dict[str, tuple[Any, Any]] = {"description": (str | None, None), "manifest": (Fields | None, {})}


class SyncedFunction(msgspec.Struct):
    """A function of a full synchronisation; its `version_id` belongs to the installation that it comes from."""

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


def build_snapshot(name: str, content: str, meta: Fields) -> Snapshot:
    return revisions.build_snapshot(name, content, meta, derived=("manifest", "has_user_valves", "toggle"))


class FunctionRecords:
    """Creates, updates, replaces and deletes functions."""

    def __init__(self, *, db: Database, plugins: PluginInspector, valves: ValveStore, bus: Bus) -> None:
        self.db = db
        self.plugins = plugins
        self.valves = valves
        self._bus = bus

    async def get_function(self, function_id: str) -> Function:
        """Return a function.

        Raises:
            Unauthorized: there is no such function.
        """
        row = await store.find_function(self.db, function_id)
        if row is None:
            raise Unauthorized(messages.NOT_FOUND)
        return row

    async def require_function(self, function_id: str) -> None:
        """Raise NotFound if there is no such function."""
        if await store.find_function(self.db, function_id) is None:
            raise NotFound("Not found")

    @staticmethod
    def _build_columns(form: PluginForm | SyncedFunction, content: str, description: Description) -> dict[str, Any]:
        """Return the columns of a function: from its form, and from the description that its code gives."""
        meta = normalise_meta(form.meta, _META)
        meta["manifest"] = plugin_source.parse_frontmatter(content)
        meta["toggle"] = description.toggle
        return {"name": form.name, "type": description.type, "content": content, "meta": meta}

    # -- writing --------------------------------------------------------------------------------------------------

    async def create_function(self, user: User, form: PluginForm, function_id: str) -> Fields:
        """Store a new, inactive function with its first revision.

        Raises:
            BadRequest: the code does not load, or a concurrent request took the id.
        """
        content = plugin_source.update_imports(form.content)
        normalise_meta(form.meta, _META)
        try:
            description = await self.plugins.describe_plugin(KIND, function_id, content, {})
            columns = self._build_columns(form, content, description)
            initial = {"is_active": False, "is_global": False, "user_id": user.id, "created_at": int(time.time())}
            async with self.db.transaction() as tx:
                await self._insert_function(tx, function_id, user.id, form.commit_message, {**columns, **initial})
        except PackageMissing as error:
            raise BadRequest(messages.wrap_reason(f"Error creating function: {error.describe()}")) from None
        except (PluginError, IntegrityError):
            raise BadRequest(messages.wrap_reason("Error creating function")) from None
        await self.publish_change()
        return store.serialize_summary(await self.get_function(function_id))

    async def _insert_function(
        self, tx: Transaction, function_id: str, user_id: str, message: str | None, columns: dict[str, Any]
    ) -> None:
        stored = build_snapshot(columns["name"], columns["content"], columns["meta"])
        revision_id = await function_revisions.insert_revision(
            tx, function_id, stored, user_id, parent_id=None, message=message
        )
        await store.insert_function(tx, function_id, **columns, version_id=revision_id)

    async def update_function(
        self, user: User, function_id: str, form: PluginForm, *, version_id: str | None = None
    ) -> Fields:
        """Update a function, and add a revision if name, code or meta changed.

        With `version_id` no revision is added; that revision is put into use.

        Raises:
            BadRequest: the code does not load or rejects the stored valves, or there is no such function.
            NotFound: there is no such revision.
        """
        normalise_meta(form.meta, _META)
        content = form.content if version_id else plugin_source.update_imports(form.content)
        row = await store.find_function(self.db, function_id)
        try:
            valves = self.valves.decode_column(row.valves) if row is not None else {}
            description = await self.plugins.describe_plugin(KIND, function_id, content, valves)
        except ValvesMismatch as error:
            raise BadRequest(f"Current Valves are incompatible with this code: {error}") from None
        except PluginError as error:
            raise BadRequest(error.describe()) from None
        columns = self._build_columns(form, content, description)
        async with self.db.transaction() as tx:
            await function_revisions.lock_current(tx, function_id)
            current = await store.find_function(tx, function_id)
            if current is None:
                raise BadRequest("Function not found")
            if version_id is not None and not await function_revisions.has_revision(tx, function_id, version_id):
                raise NotFound("Version not found")
            await self._write_function(tx, current, user.id, form.commit_message, columns, version_id=version_id)
        await self.publish_change()
        return store.serialize_function(await self.get_function(function_id))

    async def _write_function(
        self,
        tx: Transaction,
        current: Function,
        user_id: str,
        message: str | None,
        columns: dict[str, Any],
        *,
        version_id: str | None = None,
    ) -> None:
        revision_id = version_id or current.version_id
        stored = build_snapshot(columns["name"], columns["content"], columns["meta"])
        if revision_id is None or (
            version_id is None and stored != build_snapshot(current.name, current.content, current.meta)
        ):
            revision_id = await function_revisions.insert_revision(
                tx, current.id, stored, user_id, parent_id=revision_id, message=message
            )
        await store.update_function(tx, current.id, **columns, version_id=revision_id)

    async def sync_functions(self, user: User, functions: list[SyncedFunction]) -> list[Fields]:
        """Write these functions and delete all others, in one transaction.

        Raises:
            BadRequest: one of them does not load or its valves class rejects its valves, or an id occurs twice.
        """
        drafts: dict[str, dict[str, Any]] = {}
        try:
            for function in functions:
                content = plugin_source.update_imports(function.content)
                description = await self.plugins.describe_plugin(KIND, function.id, content, function.valves or {})
                drafts[function.id] = {
                    **self._build_columns(function, content, description),
                    "valves": self.valves.encode_column(function.valves),
                    "user_id": user.id,
                    "is_active": function.is_active,
                    "is_global": function.is_global,
                    "created_at": function.created_at,
                }
        except PackageMissing as error:
            raise BadRequest(messages.wrap_reason(f"Error loading function: {error.describe()}")) from None
        except PluginError:
            raise BadRequest(messages.wrap_reason("Error loading function")) from None
        if len(drafts) < len(functions):
            raise BadRequest(messages.wrap_reason("Error loading function"))
        async with self.db.transaction() as tx:
            existing = {row.id: row for row in await store.list_functions(tx)}
            for function_id, columns in drafts.items():
                if function_id in existing:
                    await self._write_function(tx, existing[function_id], user.id, None, columns)
                else:
                    await self._insert_function(tx, function_id, user.id, None, columns)
            for function_id in existing.keys() - drafts.keys():
                await function_revisions.delete_all(tx, function_id)
                await store.delete_function(tx, function_id)
        await self.publish_change()
        return await self.export_functions(valves=True)

    async def set_flags(self, row: Function, **flags: bool) -> Fields:
        """Set `is_active` or `is_global` of a function."""
        await store.update_function(self.db, row.id, **flags)
        await self.publish_change()
        return store.serialize_function(await self.get_function(row.id))

    async def delete_function(self, function_id: str) -> None:
        async with self.db.transaction() as tx:
            await function_revisions.delete_all(tx, function_id)
            await store.delete_function(tx, function_id)
        await self.publish_change()

    # -- showing --------------------------------------------------------------------------------------------------

    async def export_functions(self, *, valves: bool) -> list[Fields]:
        """Return all functions with their code, and with their valves on request."""
        rows = await store.list_functions(self.db)
        return [
            store.serialize_function(row, valves=self.valves.decode_column(row.valves) if valves else None)
            for row in rows
        ]

    async def publish_change(self) -> None:
        """Publish that functions changed."""
        await self._bus.publish(FunctionsChanged())
