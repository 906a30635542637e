"""Access grants: permissions of users and groups on resources that they do not own.

A grant names a principal, `user` with an id or `*` (everybody signed in), `group` with an id, or `anyone` with `*`
(visitors, too; read only), and a permission, `read` or `write`. Writing does not imply reading. Callers handle owners
and administrators.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.access import grant_store
from fastback.access.grant_store import Grant, build_grant_condition, build_granted_ids
from fastback.access.permissions import Permissions, is_granted
from fastback.kit.db import Database, Executor
from fastback.kit.http.errors import Forbidden

__all__ = [
    "Grant",
    "Grants",
    "RequestedGrant",
    "SlimGrant",
    "build_grant_condition",
    "build_granted_ids",
    "normalise_grants",
]

#: By resource type, the permissions that sharing needs: to share at all, with every signed-in user, and with visitors;
#: None: not allowed.
_SHARING: dict[str, tuple[str | None, str | None, str | None]] = {
    "model": ("sharing.models", "sharing.public_models", None),
    "knowledge": ("sharing.knowledge", "sharing.public_knowledge", None),
    "prompt": ("sharing.prompts", "sharing.public_prompts", None),
    "tool": ("sharing.tools", "sharing.public_tools", None),
    "skill": ("sharing.skills", "sharing.public_skills", None),
    "note": ("sharing.notes", "sharing.public_notes", None),
    "folder": ("sharing.folders", None, None),
    "channel": (None, "sharing.public_channels", None),
    "calendar": (None, "sharing.public_calendars", None),
    "shared_chat": (None, "sharing.public_chats", "sharing.open_chats"),
}


class SlimGrant(msgspec.Struct):
    """A grant without its resource, which the response names elsewhere."""

    id: str
    principal_type: str
    principal_id: str
    permission: str


class RequestedGrant(msgspec.Struct):
    """A valid grant of a request."""

    id: str
    principal_type: str
    principal_id: str
    permission: str

    @property
    def audience(self) -> str:
        """`user`, `group`, `anyone`, or `public` for every signed-in user."""
        return "public" if (self.principal_type, self.principal_id) == ("user", "*") else self.principal_type


def normalise_grants(requested: list[Any] | None) -> list[RequestedGrant]:
    """Return the valid grants of a request, without duplicates; invalid ones are skipped."""
    grants: dict[tuple[str, str, str], RequestedGrant] = {}
    for item in requested or []:
        fields = msgspec.structs.asdict(item) if isinstance(item, msgspec.Struct) else item
        if not isinstance(fields, dict):
            continue
        kind, principal, permission = fields.get("principal_type"), fields.get("principal_id"), fields.get("permission")
        if kind not in ("user", "group", "anyone") or permission not in ("read", "write"):
            continue
        if not isinstance(principal, str) or not principal:
            continue
        if kind == "anyone" and (principal != "*" or permission != "read"):
            continue
        grant_id = fields.get("id")
        if not isinstance(grant_id, str) or not grant_id:
            grant_id = str(uuid.uuid4())
        grants[(kind, principal, permission)] = RequestedGrant(grant_id, kind, principal, permission)
    return list(grants.values())


class Grants:
    """Reads and replaces grants, and applies the rules of sharing."""

    def __init__(self, db: Database, permissions: Permissions) -> None:
        self._db = db
        self._permissions = permissions

    async def list_grants(self, resource_type: str, resource_id: str) -> list[Grant]:
        """List the grants of one resource."""
        return await grant_store.list_grants(self._db, resource_type, resource_id)

    async def list_grants_by_resource(self, resource_type: str, resource_ids: list[str]) -> dict[str, list[Grant]]:
        """Return the grants of several resources by resource id; each id has a list, maybe empty."""
        grants: dict[str, list[Grant]] = {resource_id: [] for resource_id in resource_ids}
        if resource_ids:
            for grant in await grant_store.list_grants_of_resources(self._db, resource_type, resource_ids):
                grants[grant.resource_id].append(grant)
        return grants

    async def has_access(self, user_id: str, resource_type: str, resource_id: str, permission: str = "read") -> bool:
        """Return whether a grant gives the user this permission on the resource; ownership is not checked."""
        return await grant_store.has_access(
            self._db,
            resource_type,
            resource_id,
            user_id=user_id,
            group_ids=await self._permissions.list_group_ids(user_id),
            permission=permission,
        )

    async def filter_accessible_ids(
        self, user_id: str, resource_type: str, resource_ids: list[str], permission: str = "read"
    ) -> set[str]:
        """Return the resources on which a grant gives the user this permission; ownership is not checked."""
        if not resource_ids:
            return set()
        accessible_ids = await grant_store.list_accessible_ids(
            self._db,
            resource_type,
            resource_ids,
            user_id=user_id,
            group_ids=await self._permissions.list_group_ids(user_id),
            permission=permission,
        )
        return set(accessible_ids)

    async def replace_grants(
        self, db: Executor, resource_type: str, resource_id: str, requested: list[RequestedGrant]
    ) -> list[Grant]:
        """Replace the grants of a resource, in the caller's transaction; an unchanged grant gets a new row, too."""
        now = int(time.time())
        await grant_store.delete_grants(db, resource_type, resource_id)
        grants = [
            Grant(item.id, resource_type, resource_id, item.principal_type, item.principal_id, item.permission, now)
            for item in requested
        ]
        for grant in grants:
            await grant_store.insert_grant(db, grant)
        return grants

    async def delete_grants(self, db: Executor, resource_type: str, resource_id: str) -> None:
        """Delete the grants of a resource, in the caller's transaction."""
        await grant_store.delete_grants(db, resource_type, resource_id)

    async def filter_allowed(
        self, user_id: str, role: str, requested: list[Any] | None, resource_type: str
    ) -> list[RequestedGrant]:
        """Return the requested grants that the user may give; the others are skipped, as on creation."""
        sharing, public, anyone = _SHARING[resource_type]
        grants = normalise_grants(requested)
        if anyone is None:
            grants = [grant for grant in grants if grant.audience != "anyone"]
        if public is None:
            grants = [grant for grant in grants if grant.audience != "public"]
        if role == "admin" or not grants:
            return grants
        tree = await self._permissions.get_tree(user_id)
        if sharing is not None and not is_granted(tree, sharing):
            return []
        is_audience_allowed = {
            "anyone": anyone is not None and is_granted(tree, anyone),
            "public": public is not None and is_granted(tree, public),
            "user": is_granted(tree, "access_grants.allow_users"),
            "group": is_granted(tree, "access_grants.allow_groups"),
        }
        return [grant for grant in grants if is_audience_allowed[grant.audience]]

    async def validate_grants(
        self, user_id: str, role: str, requested: list[Any], resource_type: str
    ) -> list[RequestedGrant]:
        """Return the requested grants of a change, where the user may give every one of them.

        Raises:
            Forbidden: the user may not share with one of the audiences.
        """
        grants = normalise_grants(requested)
        allowed = await self.filter_allowed(user_id, role, grants, resource_type)
        if len(allowed) != len(grants):
            raise Forbidden("You do not have permission to share with the requested audience")
        return allowed
