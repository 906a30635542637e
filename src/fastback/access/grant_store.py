"""Rows of `access_grant`."""

from __future__ import annotations

import msgspec

from fastback.kit.db import Executor
from fastback.kit.db.indexes import Index


class Grant(msgspec.Struct):
    """A row of `access_grant`, as responses show it."""

    id: str
    resource_type: str
    resource_id: str
    principal_type: str
    principal_id: str
    permission: str
    created_at: int


_COLUMNS = "id, resource_type, resource_id, principal_type, principal_id, permission, created_at"
#: True where a row `ag` is a grant to the user, to every signed-in user, or to one of the groups.
_IS_FOR_USER = """((ag.principal_type = 'user' AND (ag.principal_id = :user_id OR ag.principal_id = '*'))
    OR (ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids)))"""
#: The ids of the resources of a type that are granted to the user; not correlated, so that a list finds them once.
_GRANTED_IDS = """
    SELECT ag.resource_id FROM access_grant ag
    WHERE ag.principal_type = 'user' AND ag.principal_id IN (:user_id, '*')
        AND ag.resource_type = '{type}' AND ag.permission = {permission}
    UNION ALL
    SELECT ag.resource_id FROM access_grant ag
    WHERE ag.principal_type = 'group' AND ag.principal_id = ANY(:group_ids)
        AND ag.resource_type = '{type}' AND ag.permission = {permission}"""
_IS_GRANTED = f"""EXISTS (
    SELECT 1 FROM access_grant ag
    WHERE ag.resource_type = '{{type}}' AND ag.resource_id = {{id}} AND ag.permission = :permission
      AND {_IS_FOR_USER})"""

LIST_GRANTS = f"SELECT {_COLUMNS} FROM access_grant WHERE resource_type = :type AND resource_id = :id"
LIST_GRANTS_OF_RESOURCES = f"""
    SELECT {_COLUMNS} FROM access_grant WHERE resource_type = :type AND resource_id = ANY(:ids)"""
HAS_ACCESS = f"""
    SELECT 1 FROM access_grant ag
    WHERE ag.resource_type = :type AND ag.resource_id = :id AND ag.permission = :permission
        AND {_IS_FOR_USER} LIMIT 1"""
LIST_ACCESSIBLE_IDS = f"""
    SELECT DISTINCT ag.resource_id FROM access_grant ag
    WHERE ag.resource_type = :type AND ag.resource_id = ANY(:ids) AND ag.permission = :permission
        AND {_IS_FOR_USER}"""
INSERT_GRANT = f"""
    INSERT INTO access_grant ({_COLUMNS})
    VALUES (:id, :resource_type, :resource_id, :principal_type, :principal_id, :permission, :created_at)"""
DELETE_GRANTS = "DELETE FROM access_grant WHERE resource_type = :type AND resource_id = :id"


#: The resources that a principal was granted; the reference's index has neither their type nor their id.
INDEX = Index(
    "fastback_grant_principal",
    sqlite="ON access_grant (principal_type, principal_id, resource_type, permission, resource_id)",
    postgres="ON access_grant (principal_type, principal_id, resource_type, permission, resource_id)",
)


def build_granted_ids(resource_type: str, permission: str = ":permission") -> str:
    """Return a statement that lists the ids of granted resources, some of them twice; its parameters are those of
    `build_grant_condition`, which is the better choice where few resources are tested."""
    return _GRANTED_IDS.format(type=resource_type, permission=permission)


def build_grant_condition(resource_type: str, id_column: str) -> str:
    """Return a condition for statements over a table of resources: true where a grant lets the user in.

    The parameters `user_id`, `group_ids` and `permission` go with it; `id_column` holds the id of the resource.
    """
    return _IS_GRANTED.format(type=resource_type, id=id_column)


async def list_grants(db: Executor, resource_type: str, resource_id: str) -> list[Grant]:
    """List the grants of one resource."""
    return await db.fetch_all(Grant, "grants.list", LIST_GRANTS, type=resource_type, id=resource_id)


async def list_grants_of_resources(db: Executor, resource_type: str, resource_ids: list[str]) -> list[Grant]:
    """List the grants of several resources."""
    return await db.fetch_all(
        Grant, "grants.list_of_resources", LIST_GRANTS_OF_RESOURCES, type=resource_type, ids=resource_ids
    )


async def has_access(
    db: Executor, resource_type: str, resource_id: str, *, user_id: str, group_ids: list[str], permission: str
) -> bool:
    """Return whether a grant gives the user, or a member of the groups, this permission on the resource."""
    allowed = await db.fetch_value(
        "grants.has_access",
        HAS_ACCESS,
        type=resource_type,
        id=resource_id,
        permission=permission,
        user_id=user_id,
        group_ids=group_ids,
    )
    return bool(allowed)


async def list_accessible_ids(
    db: Executor, resource_type: str, resource_ids: list[str], *, user_id: str, group_ids: list[str], permission: str
) -> list[str]:
    """List the resources on which a grant gives the user, or a member of the groups, this permission."""
    return await db.fetch_all(
        str,
        "grants.list_accessible",
        LIST_ACCESSIBLE_IDS,
        type=resource_type,
        ids=resource_ids,
        permission=permission,
        user_id=user_id,
        group_ids=group_ids,
    )


async def insert_grant(db: Executor, grant: Grant) -> None:
    """Insert a grant."""
    await db.execute("grants.insert", INSERT_GRANT, **msgspec.structs.asdict(grant))


async def delete_grants(db: Executor, resource_type: str, resource_id: str) -> None:
    """Delete the grants of one resource."""
    await db.execute("grants.delete", DELETE_GRANTS, type=resource_type, id=resource_id)
