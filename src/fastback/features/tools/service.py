"""Tools with their versions and grants: what several operations share."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.features.plugins import revisions, source
from fastback.features.plugins.loading import Description, PluginFailed, Plugins, ValvesMismatch
from fastback.features.plugins.schemas import Fields, PluginForm, checked_meta
from fastback.features.plugins.valves import Valves
from fastback.features.tools import store
from fastback.features.tools.store import Tool
from fastback.kit.bus import Bus
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Unauthorized
from fastback.records.access import Ownership
from fastback.records.revision_store import Snapshot, Versions

KIND: Final = "tool"
versions = Versions(KIND)

_META: dict[str, tuple[Any, Any]] = {
    "i18n": (dict[str, dict[str, str]] | None, None),
    "description": (str | None, None),
    "manifest": (Fields | None, {}),
    "has_user_valves": (bool, False),
}
_CODE = ("workspace.tools", "workspace.tools_import")


class ToolForm(PluginForm):
    access_grants: list[Fields] | None = None


class ToolChanged(msgspec.Struct, frozen=True):
    """A tool was made, changed or deleted."""

    tool_id: str


def snapshot(name: str, content: str | None, meta: Fields | None) -> Snapshot:
    return revisions.snapshot(name, content, meta, derived=("manifest", "has_user_valves"))


class Tools:
    """Tools as records."""

    def __init__(self, *, owned: Ownership, plugins: Plugins, valves: Valves, bus: Bus) -> None:
        self.owned = owned
        self.plugins = plugins
        self.valves = valves
        self.db = owned.db
        self._bus = bus

    # -- who may --------------------------------------------------------------------------------------------------

    async def found(self, tool_id: str, user: User, permission: str, *, refusal: str, absent: int = 404) -> Tool:
        """A tool that somebody may read or write; administrators may always.

        Raises:
            NotFound, Unauthorized: there is none (`absent` says which); Unauthorized, with `refusal`: they may not.
        """
        row = await store.get(self.db, tool_id)
        if row is None:
            raise NotFound() if absent == 404 else Unauthorized(messages.NOT_FOUND)
        if not await self.owned.may_or_admin(user, KIND, row, permission):
            raise Unauthorized(refusal)
        return row

    async def with_history(self, tool_id: str, user: User) -> Tool:
        """The tool whose versions somebody asks for.

        Raises:
            NotFound, Unauthorized.
        """
        row = await store.get(self.db, tool_id)
        if row is None:
            raise NotFound("Not found")
        if not await self.owned.may(user, KIND, row, "write"):
            raise Unauthorized(messages.ACCESS_PROHIBITED)
        return row

    async def may_write_code(self, user: User) -> bool:
        return await self.owned.permitted(user, *_CODE)

    # -- writing --------------------------------------------------------------------------------------------------

    def _fields(self, form: PluginForm, content: str, told: Description) -> dict[str, Any]:
        """The columns of a tool out of a form and what its code says of itself."""
        meta = checked_meta(form.meta, _META)
        meta["manifest"] = source.frontmatter(content)
        meta["has_user_valves"] = told.has_user_valves
        return {"name": form.name, "content": content, "specs": told.specs, "meta": meta}

    async def create(self, user: User, form: ToolForm, tool_id: str) -> Fields:
        """Write a new tool with its first version.

        Raises:
            BadRequest: its code does not load, or the id is taken by now.
        """
        content = source.with_present_imports(form.content)
        checked_meta(form.meta, _META)
        wanted = await self.owned.grants.filter_allowed(user.id, user.role, form.access_grants, KIND)
        try:
            told = await self.plugins.describe(KIND, tool_id, content, {})
            fields = self._fields(form, content, told)
            kept = snapshot(fields["name"], content, fields["meta"])
            async with self.db.transaction() as tx:
                first = await versions.add(tx, tool_id, kept, user.id, parent_id=None, message=form.commit_message)
                await store.insert(tx, tool_id, user.id, **fields, version_id=first)
                await self.owned.grants.replace_grants(tx, KIND, tool_id, wanted)
        except (PluginFailed, IntegrityError):
            raise BadRequest(messages.default("Error creating tool")) from None
        await self._changed(tool_id)
        return store.brief(await self._again(tool_id), await self.owned.grants.list_grants(KIND, tool_id))

    async def change(self, user: User, row: Tool, form: PluginForm, *, version_id: str | None = None) -> Fields:
        """Write a tool anew, with a version of it where name, code or meta changed; `version_id` names one to go back
        to.

        Raises:
            Unauthorized: they may not change code; BadRequest: the code does not load, or does not take the valves.
        """
        checked_meta(form.meta, _META)
        may_write_code = await self.may_write_code(user)
        if form.content != row.content and not may_write_code:
            raise Unauthorized(messages.UNAUTHORIZED)
        content = form.content if version_id else source.with_present_imports(form.content)
        try:
            told = await self.plugins.describe(KIND, row.id, content, self.valves.read(row.valves))
        except ValvesMismatch as error:
            raise BadRequest(f"Current Valves are incompatible with this code: {error}") from None
        except PluginFailed as error:
            raise BadRequest(str(error)) from None
        fields = self._fields(form, content, told)
        async with self.db.transaction() as tx:
            await versions.lock(tx, row.id)
            now = await store.get(tx, row.id)
            if now is None:
                raise BadRequest("Tool not found")
            if content != now.content and not may_write_code:
                raise Unauthorized("You do not have permission to change executable Tool code")
            version = now.version_id
            kept = snapshot(fields["name"], content, fields["meta"])
            if version_id is not None:
                if not await versions.exists(tx, row.id, version_id):
                    raise NotFound("Version not found")
                version = version_id
            elif version is None or kept != snapshot(now.name, now.content, now.meta):
                version = await versions.add(tx, row.id, kept, user.id, parent_id=version, message=form.commit_message)
            await store.update(tx, row.id, **fields, version_id=version)
        await self._changed(row.id)
        return await self.shown(row.id)

    async def delete(self, tool_id: str) -> None:
        async with self.db.transaction() as tx:
            await self.owned.grants.delete_grants(tx, KIND, tool_id)
            await versions.remove_all(tx, tool_id)
            await store.delete(tx, tool_id)
        await self._changed(tool_id)

    # -- showing --------------------------------------------------------------------------------------------------

    async def shown(self, tool_id: str) -> Fields:
        """A tool with its code, as it is now. Raises: NotFound, when it has just been deleted."""
        return store.full(await self._again(tool_id), await self.owned.grants.list_grants(KIND, tool_id))

    async def _again(self, tool_id: str) -> Tool:
        row = await store.get(self.db, tool_id)
        if row is None:
            raise NotFound()
        return row

    async def _changed(self, tool_id: str) -> None:
        await self._bus.publish(ToolChanged(tool_id))
        await self.owned.changed(KIND, tool_id)
