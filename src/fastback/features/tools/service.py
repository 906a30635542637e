"""Tools with their revisions and grants: the rules that several routes share."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fastback import messages
from fastback.access.identity import User
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
from fastback.features.tools import store
from fastback.features.tools.store import Tool
from fastback.kit import plugin_source
from fastback.kit.bus import Bus
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Unauthorized
from fastback.records.access import RecordAccess
from fastback.records.revision_store import RevisionStore, Snapshot

KIND: Final = "tool"
tool_revisions = RevisionStore(KIND)

_META: dict[str, tuple[Any, Any]] = {
    "i18n": (dict[str, dict[str, str]] | None, None),
    "description": (str | None, None),
    "manifest": (Fields | None, {}),
    "has_user_valves": (bool, False),
}
_CODE_PERMISSIONS = ("workspace.tools", "workspace.tools_import")


class ToolForm(PluginForm):
    access_grants: list[Fields] | None = None


class ToolChanged(msgspec.Struct, frozen=True):
    """A tool was created, updated or deleted."""

    tool_id: str


def build_snapshot(name: str, content: str | None, meta: Fields | None) -> Snapshot:
    return revisions.build_snapshot(name, content, meta, derived=("manifest", "has_user_valves"))


class ToolRecords:
    """Creates, updates and deletes tools."""

    def __init__(self, *, access: RecordAccess, plugins: PluginInspector, valves: ValveStore, bus: Bus) -> None:
        self.access = access
        self.plugins = plugins
        self.valves = valves
        self.db = access.db
        self._bus = bus

    # -- access ---------------------------------------------------------------------------------------------------

    async def get_tool(
        self, tool_id: str, user: User, permission: str, *, refusal: str, missing_status: int = 404
    ) -> Tool:
        """Return a tool that the user may read or write; administrators always may.

        Raises:
            NotFound, or Unauthorized if `absent` is 401: there is no such tool.
            Unauthorized: the user does not have the permission; `refusal` is the message.
        """
        row = await store.find_tool(self.db, tool_id)
        if row is None:
            raise NotFound() if missing_status == 404 else Unauthorized(messages.NOT_FOUND)
        if not await self.access.is_allowed_or_admin(user, KIND, row, permission):
            raise Unauthorized(refusal)
        return row

    async def get_tool_for_revisions(self, tool_id: str, user: User) -> Tool:
        """Return a tool whose revisions the user may see and change.

        Raises:
            NotFound: there is no such tool.
            Unauthorized: the user may not write it.
        """
        row = await store.find_tool(self.db, tool_id)
        if row is None:
            raise NotFound("Not found")
        if not await self.access.is_allowed(user, KIND, row, "write"):
            raise Unauthorized(messages.ACCESS_PROHIBITED)
        return row

    async def may_write_code(self, user: User) -> bool:
        return await self.access.has_any_permission(user, *_CODE_PERMISSIONS)

    async def get_source(self, plugin_id: str) -> dict[str, str]:
        """Return the code of a tool and its version, for the plugin process.

        Raises:
            LookupError: it has been deleted.
        """
        row = await store.find_tool(self.db, plugin_id)
        if row is None:
            raise LookupError(f"there is no tool {plugin_id}")
        content = plugin_source.update_imports(row.content or "")
        return {"content": content, "version": plugin_source.get_version(row.content or "")}

    # -- writing --------------------------------------------------------------------------------------------------

    def _build_columns(self, form: PluginForm, content: str, description: Description) -> dict[str, Any]:
        """Return the columns of a tool: from its form, and from the description that its code gives."""
        meta = normalise_meta(form.meta, _META)
        meta["manifest"] = plugin_source.parse_frontmatter(content)
        meta["has_user_valves"] = description.has_user_valves
        return {"name": form.name, "content": content, "specs": description.specs, "meta": meta}

    async def create_tool(self, user: User, form: ToolForm, tool_id: str) -> Fields:
        """Store a new tool with its first revision.

        Raises:
            BadRequest: the code does not load, or a concurrent request took the id.
        """
        content = plugin_source.update_imports(form.content)
        normalise_meta(form.meta, _META)
        allowed_grants = await self.access.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
        try:
            description = await self.plugins.describe_plugin(KIND, tool_id, content, {})
            columns = self._build_columns(form, content, description)
            stored = build_snapshot(columns["name"], content, columns["meta"])
            async with self.db.transaction() as tx:
                revision_id = await tool_revisions.insert_revision(
                    tx, tool_id, stored, user.id, parent_id=None, message=form.commit_message
                )
                await store.insert_tool(tx, tool_id, user.id, **columns, version_id=revision_id)
                await self.access.grants.replace_grants(tx, KIND, tool_id, allowed_grants)
        except PackageMissing as error:
            raise BadRequest(messages.wrap_reason(f"Error creating tool: {error.describe()}")) from None
        except (PluginError, IntegrityError):
            raise BadRequest(messages.wrap_reason("Error creating tool")) from None
        await self._publish_change(tool_id)
        return store.serialize_summary(
            await self._reload_tool(tool_id), await self.access.grants.list_grants(KIND, tool_id)
        )

    async def update_tool(self, user: User, row: Tool, form: PluginForm, *, version_id: str | None = None) -> Fields:
        """Update a tool, and add a revision if name, code or meta changed.

        With `version_id` no revision is added; that revision is put into use.

        Raises:
            Unauthorized: the user may not change code.
            BadRequest: the code does not load, or its valves class rejects the stored valves.
            NotFound: there is no such revision.
        """
        normalise_meta(form.meta, _META)
        may_write_code = await self.may_write_code(user)
        if form.content != row.content and not may_write_code:
            raise Unauthorized(messages.UNAUTHORIZED)
        content = form.content if version_id else plugin_source.update_imports(form.content)
        try:
            description = await self.plugins.describe_plugin(
                KIND, row.id, content, self.valves.decode_column(row.valves)
            )
        except ValvesMismatch as error:
            raise BadRequest(f"Current Valves are incompatible with this code: {error}") from None
        except PluginError as error:
            raise BadRequest(error.describe()) from None
        columns = self._build_columns(form, content, description)
        async with self.db.transaction() as tx:
            await tool_revisions.lock_current(tx, row.id)
            current = await store.find_tool(tx, row.id)
            if current is None:
                raise BadRequest("Tool not found")
            if content != current.content and not may_write_code:
                raise Unauthorized("You do not have permission to change executable Tool code")
            revision_id = current.version_id
            stored = build_snapshot(columns["name"], content, columns["meta"])
            if version_id is not None:
                if not await tool_revisions.has_revision(tx, row.id, version_id):
                    raise NotFound("Version not found")
                revision_id = version_id
            elif revision_id is None or stored != build_snapshot(current.name, current.content, current.meta):
                revision_id = await tool_revisions.insert_revision(
                    tx, row.id, stored, user.id, parent_id=revision_id, message=form.commit_message
                )
            await store.update_tool(tx, row.id, **columns, version_id=revision_id)
        await self._publish_change(row.id)
        return await self.load_tool(row.id)

    async def delete_tool(self, tool_id: str) -> None:
        async with self.db.transaction() as tx:
            await self.access.grants.delete_grants(tx, KIND, tool_id)
            await tool_revisions.delete_all(tx, tool_id)
            await store.delete_tool(tx, tool_id)
        await self._publish_change(tool_id)

    # -- showing --------------------------------------------------------------------------------------------------

    async def load_tool(self, tool_id: str) -> Fields:
        """Return a tool with its code, as it is stored now.

        Raises:
            NotFound: it has just been deleted.
        """
        return store.serialize_tool(
            await self._reload_tool(tool_id), await self.access.grants.list_grants(KIND, tool_id)
        )

    async def _reload_tool(self, tool_id: str) -> Tool:
        row = await store.find_tool(self.db, tool_id)
        if row is None:
            raise NotFound()
        return row

    async def _publish_change(self, tool_id: str) -> None:
        await self._bus.publish(ToolChanged(tool_id))
        await self.access.publish_grants_changed(KIND, tool_id)
