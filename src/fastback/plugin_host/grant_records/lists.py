"""Questions about lists of grants, and their older form, `access_control`: who may read and write, by users and groups.

The functions have the names that plugins import.
"""

from __future__ import annotations

import uuid
from typing import Any

Json = dict[str, Any]

_PERMISSIONS = ("read", "write")
_PRINCIPAL_TYPES = ("user", "group", "anyone")
#: The names of the lists of `access_control`, by the type of principal.
_LISTS = {"group": "group_ids", "user": "user_ids"}


def _get(grant: Any, name: str) -> Any:
    return grant.get(name) if isinstance(grant, dict) else getattr(grant, name, None)


def _has_grant(grants: list[Any] | None, kind: str, principal: str, permission: str) -> bool:
    fields = {"principal_type": kind, "principal_id": principal, "permission": permission}
    return any(all(_get(grant, name) == value for name, value in fields.items()) for grant in grants or ())


def has_public_read_access_grant(access_grants: list[Any] | None) -> bool:
    """Return whether everybody signed in may read."""
    return _has_grant(access_grants, "user", "*", "read")


def has_public_write_access_grant(access_grants: list[Any] | None) -> bool:
    """Return whether everybody signed in may write."""
    return _has_grant(access_grants, "user", "*", "write")


def has_anyone_read_access_grant(access_grants: list[Any] | None) -> bool:
    """Return whether visitors may read."""
    return _has_grant(access_grants, "anyone", "*", "read")


def _names_user(grant: Any) -> bool:
    return bool(_get(grant, "principal_type") == "user" and _get(grant, "principal_id") != "*")


def has_user_access_grant(access_grants: list[Any] | None) -> bool:
    """Return whether a grant names a single user."""
    return any(_names_user(grant) for grant in normalize_access_grants(access_grants))


def strip_user_access_grants(access_grants: list[Any] | None) -> list[Any]:
    """Return the grants that name no single user."""
    return [grant for grant in access_grants or () if not _names_user(grant)]


def strip_anyone_access_grants(access_grants: list[Any] | None) -> list[Any]:
    """Return the grants that are not for visitors."""
    return [grant for grant in access_grants or () if _get(grant, "principal_type") != "anyone"]


def normalize_access_grants(access_grants: list[Any] | None) -> list[Json]:
    """Return the valid grants without duplicates, each with an id."""
    grants: dict[tuple[Any, ...], Json] = {}
    for grant in access_grants or ():
        kind, principal = _get(grant, "principal_type"), _get(grant, "principal_id")
        permission, grant_id = _get(grant, "permission"), _get(grant, "id")
        if kind not in _PRINCIPAL_TYPES or permission not in _PERMISSIONS:
            continue
        if not isinstance(principal, str) or not principal:
            continue
        if kind == "anyone" and (principal, permission) != ("*", "read"):
            continue
        grants[(kind, principal, permission)] = {
            "id": grant_id if isinstance(grant_id, str) and grant_id else str(uuid.uuid4()),
            "principal_type": kind,
            "principal_id": principal,
            "permission": permission,
        }
    return list(grants.values())


def access_control_to_grants(resource_type: str, resource_id: str, access_control: Json | None) -> list[Json]:
    """Return the grants that an older form means: None lets everybody read (not files), an empty one no access."""
    resource = {"resource_type": resource_type, "resource_id": resource_id}
    if access_control is None:
        public = {"principal_type": "user", "principal_id": "*", "permission": "read"}
        return [] if resource_type == "file" else [{**resource, **public}]
    return [
        {**resource, "principal_type": kind, "principal_id": principal_id, "permission": permission}
        for permission in _PERMISSIONS
        for kind, name in _LISTS.items()
        for principal_id in (access_control.get(permission) or {}).get(name) or ()
    ]


def grants_to_access_control(grants: list[Any]) -> Json | None:
    """Return the older form of grants: None where everybody may read."""
    if not grants:
        return {}
    if has_public_read_access_grant(grants):
        return None
    return {
        permission: {
            name: list(
                dict.fromkeys(
                    _get(grant, "principal_id")
                    for grant in grants
                    if _get(grant, "principal_type") == kind and _get(grant, "permission") == permission
                )
            )
            for kind, name in _LISTS.items()
        }
        for permission in _PERMISSIONS
    }
