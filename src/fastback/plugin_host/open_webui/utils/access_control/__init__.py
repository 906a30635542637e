"""Permissions of users, and access to records."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server


def _find_permission(tree: Any, key: str) -> bool:
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return bool(tree)


def fill_missing_permissions(permissions: dict[str, Any], default_permissions: dict[str, Any]) -> dict[str, Any]:
    """Add the permissions that are missing from the defaults, in place."""
    for name, default in default_permissions.items():
        if name not in permissions:
            permissions[name] = default
        elif isinstance(default, dict) and isinstance(permissions[name], dict):
            fill_missing_permissions(permissions[name], default)
    return permissions


@awaited_or_not
async def get_permissions(user_id: str, default_permissions: dict[str, Any] | None = None, db: Any = None) -> Any:
    """Return the tree of permissions of a user."""
    tree = await call_server("access.get_permissions", user_id=user_id)
    return fill_missing_permissions(tree, default_permissions or {})


@awaited_or_not
async def has_permission(
    user_id: str, permission_key: str, default_permissions: dict[str, Any] | None = None, db: Any = None
) -> Any:
    """Return whether a user has a permission, such as `chat.delete`; the defaults count where nothing is set."""
    tree = await call_server("access.get_permissions", user_id=user_id)
    return _find_permission(fill_missing_permissions(tree, default_permissions or {}), permission_key)


@awaited_or_not
async def has_access(
    user_id: str,
    permission: str = "write",
    access_control: Any = None,
    user_group_ids: Any = None,
    strict: bool = True,
    db: Any = None,
) -> Any:
    """Return whether grants, or access control in its former shape, allow a user to `read` or `write`."""
    group_ids = set(user_group_ids or await call_server("access.list_group_ids", user_id=user_id))
    if access_control is None:
        return permission == "read" if strict else True
    if isinstance(access_control, list):
        return any(_is_granted(grant, user_id, group_ids, permission) for grant in access_control)
    rule = access_control.get(permission) or {}
    return user_id in (rule.get("user_ids") or ()) or bool(group_ids & set(rule.get("group_ids") or ()))


def _is_granted(grant: Any, user_id: str, group_ids: set[str], permission: str) -> bool:
    fields = grant if isinstance(grant, dict) else grant.model_dump()
    if fields.get("permission") != permission:
        return False
    principal = fields.get("principal_id")
    kind = fields.get("principal_type")
    if principal == "*":
        return True
    return principal == user_id if kind == "user" else principal in group_ids


@awaited_or_not
async def get_users_with_access(permission: str = "write", access_control: Any = None, db: Any = None) -> Any:
    """Return the users that access control in its former shape names."""
    from fastback.plugin_host.open_webui.models.users import UserModel
    from fastback.plugin_host.record_models import decode_row

    rule = (access_control or {}).get(permission) or {}
    where = {"group_id": list(rule.get("group_ids") or ())}
    members = await call_server("rows.list", table="group_member", where=where)
    ids = {*(rule.get("user_ids") or ()), *(member["user_id"] for member in members)}
    rows = await call_server("rows.list", table="user", where={"id": sorted(ids)})
    return [UserModel.model_validate(decode_row(row)) for row in rows]


@awaited_or_not
async def check_model_access(user: Any, model: dict[str, Any], db: Any = None) -> Any:
    """Raise an exception where a user may not choose a model."""
    from fastback.plugin_host.open_webui.utils.models import check_model_access as check

    return await check(user, model)


@awaited_or_not
async def has_connection_access(user: Any, connection: dict[str, Any], user_group_ids: Any = None) -> Any:
    """Return whether a user may use a server of tools: administrators may, others by its grants."""
    grants = (connection.get("config") or {}).get("access_grants")
    if getattr(user, "role", None) == "admin" or not grants:
        return getattr(user, "role", None) == "admin"
    return await has_access(user.id, "read", grants, user_group_ids)
