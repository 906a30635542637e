"""Users and groups as the objects that responses contain, field by field those of the reference."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import msgspec

from fastback.features.scim.group_store import GroupRow, MemberRow
from fastback.features.scim.names import GROUP_SCHEMA, USER_SCHEMA
from fastback.features.scim.user_details import NameParts
from fastback.features.scim.user_profile import Entry, UserProfile
from fastback.features.scim.user_store import GroupName, UserRow


def build_user(row: UserRow, profile: UserProfile, groups: list[GroupName], base_url: str) -> dict[str, Any]:
    """Return a user; `base_url` is the address of the SCIM interface as the client knows it."""
    return {
        "schemas": [USER_SCHEMA],
        "id": row.id,
        "externalId": profile.external_id,
        "userName": profile.user_name,
        "name": None if profile.name is None else _build_name(profile.name),
        "displayName": profile.display_name,
        "emails": [_build_entry(entry) for entry in profile.emails],
        "active": profile.active,
        "photos": None if profile.photo is None else [_build_entry(profile.photo)],
        "groups": [_build_group_name(group, base_url) for group in groups] or None,
        "meta": _build_meta("User", f"{base_url}/Users/{row.id}", row.created_at, row.updated_at),
    }


def _build_name(name: NameParts) -> dict[str, str | None]:
    return {
        "formatted": name.formatted,
        "familyName": name.family_name,
        "givenName": name.given_name,
        "middleName": name.middle_name,
        "honorificPrefix": name.honorific_prefix,
        "honorificSuffix": name.honorific_suffix,
    }


def _build_entry(entry: Entry) -> dict[str, Any]:
    details = entry.details
    return {"value": entry.value, "type": details.type, "primary": details.primary, "display": details.display}


def _build_group_name(group: GroupName, base_url: str) -> dict[str, str]:
    return {"value": group.id, "display": group.name, "$ref": f"{base_url}/Groups/{group.id}", "type": "direct"}


def _build_meta(kind: str, location: str, created_at: int, updated_at: int) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "created": _format_time(created_at),
        "lastModified": _format_time(updated_at),
        "location": location,
        "version": None,
    }


def _format_time(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC).isoformat()


class MemberDocument(msgspec.Struct, omit_defaults=True):
    """A member in a response; its name is shown only on request, so that a member reads as it was written."""

    value: str
    ref: str = msgspec.field(name="$ref")
    type: str | None = None
    display: str | None = None


def build_members(rows: Iterable[MemberRow], base_url: str, *, with_names: bool) -> list[MemberDocument]:
    """Return the members of a group."""
    return [
        MemberDocument(row.id, f"{base_url}/Users/{row.id}", "User", row.name if with_names else None) for row in rows
    ]


def build_group(row: GroupRow, members: list[MemberDocument] | None, base_url: str) -> dict[str, Any]:
    """Return a group; without `members` the attribute is missing."""
    external_id = row.external_id
    return {
        "schemas": [GROUP_SCHEMA],
        "id": row.id,
        **({} if external_id is None else {"externalId": external_id}),
        "displayName": row.name,
        **({} if members is None else {"members": members}),
        "meta": _build_meta("Group", f"{base_url}/Groups/{row.id}", row.created_at, row.updated_at),
    }
