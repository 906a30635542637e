"""Access grants: who besides its owner may read or write a resource.

A grant names a principal, `user` with an id or `*` (everybody signed in), `group` with an id, or `anyone` with `*`
(also strangers; read only), and a permission, `read` or `write`. Writing does not imply reading; owners and
administrators are treated by whoever asks.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.access.permissions import Permissions, is_granted
from fastback.kit.db import Database, Executor
from fastback.kit.http.errors import Forbidden

#: For a statement over a table of resources: true where a grant lets the user in. Fill in the type and the id column;
#: parameters `user_id`, `list_group_ids` and `permission` go with it.
GRANTED = """EXISTS (
    SELECT 1 FROM access_grant ag
    WHERE ag.resource_type = '{type}' AND ag.resource_id = {id} AND ag.permission = :permission
      AND ((ag.principal_type = 'user' AND (ag.principal_id = :user_id OR ag.principal_id = '*'))
        OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids))))"""

#: General sharing, everybody signed in, strangers: the permission that each audience needs; None: nobody may.
SHARING: dict[str, tuple[str | None, str | None, str | None]] = {
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


class Grant(msgspec.Struct):
    """A row of `access_grant`, as answers show it."""

    id: str
    resource_type: str
    resource_id: str
    principal_type: str
    principal_id: str
    permission: str
    created_at: int


class SlimGrant(msgspec.Struct):
    """A grant where the resource is clear from its surroundings."""

    id: str
    principal_type: str
    principal_id: str
    permission: str


class RequestedGrant(msgspec.Struct):
    """A grant asked for, checked and without duplicates."""

    id: str
    principal_type: str
    principal_id: str
    permission: str


def build_grant_condition(resource_type: str, id_column: str) -> str:
    """The condition `GRANTED` for a type and the column that holds the resource's id."""
    return GRANTED.format(type=resource_type, id=id_column)


def normalise_grants(wanted: list[Any] | None) -> list[RequestedGrant]:
    """Keep the grants that mean something, each once."""
    found: dict[tuple[str, str, str], RequestedGrant] = {}
    for one in wanted or []:
        if isinstance(one, msgspec.Struct):
            one = msgspec.structs.asdict(one)
        if not isinstance(one, dict):
            continue
        kind, principal, permission = one.get("principal_type"), one.get("principal_id"), one.get("permission")
        if kind not in ("user", "group", "anyone") or permission not in ("read", "write"):
            continue
        if not isinstance(principal, str) or not principal:
            continue
        if kind == "anyone" and (principal != "*" or permission != "read"):
            continue
        given_id = one.get("id")
        grant_id = given_id if isinstance(given_id, str) and given_id else str(uuid.uuid4())
        found[(kind, principal, permission)] = RequestedGrant(grant_id, kind, principal, permission)
    return list(found.values())


_COLUMNS = "id, resource_type, resource_id, principal_type, principal_id, permission, created_at"


class Grants:
    """Reads and replaces grants, and applies the rules of sharing."""

    def __init__(self, db: Database, permissions: Permissions) -> None:
        self._db = db
        self._permissions = permissions

    async def list_grants(self, resource_type: str, resource_id: str) -> list[Grant]:
        """The grants of one resource."""
        return await self._db.fetch_all(
            Grant,
            "grants.of",
            f"SELECT {_COLUMNS} FROM access_grant WHERE resource_type = :type AND resource_id = :id",
            type=resource_type,
            id=resource_id,
        )

    async def list_grants_by_resource(self, resource_type: str, resource_ids: list[str]) -> dict[str, list[Grant]]:
        """The grants of several resources, each with a list, maybe empty."""
        found: dict[str, list[Grant]] = {one: [] for one in resource_ids}
        if resource_ids:
            for grant in await self._db.fetch_all(
                Grant,
                "grants.of_many",
                f"SELECT {_COLUMNS} FROM access_grant WHERE resource_type = :type AND resource_id = ANY(:ids)",
                type=resource_type,
                ids=resource_ids,
            ):
                found[grant.resource_id].append(grant)
        return found

    async def has_access(self, user_id: str, resource_type: str, resource_id: str, permission: str = "read") -> bool:
        """Whether a grant gives the user this permission on the resource; ownership is not asked."""
        text = (
            "SELECT 1 FROM access_grant ag WHERE ag.resource_type = :type AND ag.resource_id = :id "
            "AND ag.permission = :permission AND ((ag.principal_type = 'user' AND (ag.principal_id = :user_id "
            "OR ag.principal_id = '*')) OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids))) LIMIT 1"
        )
        return bool(
            await self._db.fetch_value(
                "grants.allows",
                text,
                type=resource_type,
                id=resource_id,
                permission=permission,
                user_id=user_id,
                group_ids=await self._permissions.list_group_ids(user_id),
            )
        )

    async def filter_accessible_ids(
        self, user_id: str, resource_type: str, resource_ids: list[str], permission: str = "read"
    ) -> set[str]:
        """Those of the resources that a grant opens to the user."""
        if not resource_ids:
            return set()
        text = (
            "SELECT DISTINCT ag.resource_id FROM access_grant ag WHERE ag.resource_type = :type "
            "AND ag.resource_id = ANY(:ids) AND ag.permission = :permission AND ((ag.principal_type = 'user' "
            "AND (ag.principal_id = :user_id OR ag.principal_id = '*')) "
            "OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids)))"
        )
        rows = await self._db.fetch_all(
            str,
            "grants.accessible",
            text,
            type=resource_type,
            ids=resource_ids,
            permission=permission,
            user_id=user_id,
            group_ids=await self._permissions.list_group_ids(user_id),
        )
        return set(rows)

    async def replace_grants(
        self, db: Executor, resource_type: str, resource_id: str, wanted: list[RequestedGrant]
    ) -> list[Grant]:
        """Set the grants of a resource (in the caller's transaction); what stays keeps nothing of its old row."""
        now = int(time.time())
        await self.delete_grants(db, resource_type, resource_id)
        grants = [
            Grant(one.id, resource_type, resource_id, one.principal_type, one.principal_id, one.permission, now)
            for one in wanted
        ]
        for grant in grants:
            await db.execute(
                "grants.insert",
                f"INSERT INTO access_grant ({_COLUMNS}) VALUES "
                "(:id, :resource_type, :resource_id, :principal_type, :principal_id, :permission, :created_at)",
                **msgspec.structs.asdict(grant),
            )
        return grants

    async def delete_grants(self, db: Executor, resource_type: str, resource_id: str) -> None:
        await db.execute(
            "grants.remove",
            "DELETE FROM access_grant WHERE resource_type = :type AND resource_id = :id",
            type=resource_type,
            id=resource_id,
        )

    async def filter_allowed(
        self, user_id: str, role: str, wanted: list[Any] | None, resource_type: str
    ) -> list[RequestedGrant]:
        """Those of the wanted grants that the user may give: the others are dropped in silence, as on creation."""
        sharing, public, anyone = SHARING[resource_type]
        grants = normalise_grants(wanted)
        if anyone is None:
            grants = [one for one in grants if one.principal_type != "anyone"]
        if public is None:
            grants = [one for one in grants if (one.principal_type, one.principal_id) != ("user", "*")]
        if role == "admin" or not grants:
            return grants
        tree = await self._permissions.get_tree(user_id)
        if sharing is not None and not is_granted(tree, sharing):
            return []
        audiences = {
            "anyone": anyone is not None and is_granted(tree, anyone),
            "public": public is not None and is_granted(tree, public),
            "user": is_granted(tree, "access_grants.allow_users"),
            "group": is_granted(tree, "access_grants.allow_groups"),
        }

        def audience(one: RequestedGrant) -> str:
            return "public" if (one.principal_type, one.principal_id) == ("user", "*") else one.principal_type

        return [one for one in grants if audiences[audience(one)]]

    async def validate_grants(
        self, user_id: str, role: str, wanted: list[Any], resource_type: str
    ) -> list[RequestedGrant]:
        """Like `filter_allowed`, for a change: one forbidden grant refuses the whole.

        Raises:
            Forbidden: the user may not share with one of the audiences.
        """
        grants = normalise_grants(wanted)
        allowed = await self.filter_allowed(user_id, role, grants, resource_type)
        if len(allowed) != len(grants):
            raise Forbidden("You do not have permission to share with the requested audience")
        return allowed
