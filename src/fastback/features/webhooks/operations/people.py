"""Accounts, sessions, users and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.access.identity import User
from fastback.features.webhooks.emission import Done, PriorLookup, Table, Telling

_AUTHS, _USERS, _GROUPS = "/api/v1/auths", "/api/v1/users", "/api/v1/groups"
_GROUP = f"{_GROUPS}/id/{{id}}"


def _account(done: Done) -> User:
    """Whose session an answer is."""
    answer = done.answer
    return User(id=answer.id, name=answer.name, email=answer.email, role=answer.role)


def _login(who: User, method: str) -> ActivityEvent:
    return ActivityEvent("auth.login", who, who.id, "user", {"auth_method": method}, source=method)


def _signed_up(done: Done) -> list[ActivityEvent]:
    who = _account(done)
    return [
        ActivityEvent("user.created", who, who.id, data={"role": who.role}),
        ActivityEvent("auth.signup", who, who.id, "user", {"email": who.email}),
        _login(who, "password"),
    ]


def _signed_in(done: Done) -> ActivityEvent:
    settings = done["settings"]
    method = "password"
    if settings.webui_auth_trusted_email_header:
        method = "trusted_header"
    elif not settings.webui_auth:
        method = "system"
    return _login(_account(done), method)


def _own(event: str, *, with_type: bool = False, **data: Any) -> Telling:
    """Something that somebody does with their own account."""

    def say(done: Done) -> ActivityEvent | None:
        user = done.user
        if user is None or done.answer is False:
            return None
        return done.told(event, user.id, "user" if with_type else None, **data)

    return Telling((event,), say)


def _user_changed(done: Done) -> list[ActivityEvent]:
    data, user_id = done["data"], done["user_id"]
    fields = [name for name in ("name", "email", "profile_image_url") if getattr(data, name) is not None]
    told = []
    if fields:
        told.append(done.told("user.updated", user_id, updated_fields=fields))
    if done.before is not None and done.before != done.answer.role:
        told.append(done.told("user.role_updated", user_id, role=done.answer.role))
    if data.password:
        told.append(done.told("auth.password_changed", user_id, "user", source="admin"))
    return told


def _known(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"user_ids": arguments["data"].user_ids or []}


class _Family(msgspec.Struct):
    """A group's parent, and a child of the group or None."""

    parent: str | None
    child: str | None


def _group_deleted(done: Done) -> list[ActivityEvent]:
    group, family = done["id"], done.before
    parent = family[0].parent if family else None
    children = [one.child for one in family if one.child is not None]
    moved = {"old_parent_group_id": group, "parent_group_id": parent}
    return [
        done.told("group.deleted", group, parent_group_id=parent, promoted_child_ids=children),
        *(done.told("group.updated", child, **moved) for child in children),
    ]


class _Parent(msgspec.Struct):
    parent_group_id: str | None


def _group_changed(done: Done) -> ActivityEvent:
    before = done.before.parent_group_id if done.before is not None else None
    after = done.field("parent_group_id")
    name = done.field("name")
    return done.told("group.updated", done["id"], name=name, old_parent_group_id=before, parent_group_id=after)


_CHANGED = Telling(
    ("user.updated", "user.role_updated", "auth.password_changed"),
    _user_changed,
    PriorLookup(str, "role", 'SELECT role FROM "user" WHERE id = :user_id'),
)

TABLE: Table = {
    ("POST", f"{_AUTHS}/signup"): Telling(("user.created", "auth.signup", "auth.login"), _signed_up),
    ("POST", f"{_AUTHS}/signin"): Telling(("auth.login",), _signed_in),
    ("POST", f"{_AUTHS}/update/profile"): _own(
        "user.profile_updated", updated_fields=["profile_image_url", "name", "bio", "gender", "date_of_birth"]
    ),
    ("POST", f"{_AUTHS}/update/timezone"): _own("user.updated", updated_fields=["timezone"]),
    ("POST", f"{_AUTHS}/update/password"): _own("auth.password_changed", with_type=True),
    ("POST", f"{_AUTHS}/api_key"): _own("auth.api_key.created", with_type=True),
    ("DELETE", f"{_AUTHS}/api_key"): _own("auth.api_key.deleted", with_type=True),
    ("DELETE", f"{_AUTHS}/oauth/sessions/{{provider}}"): Telling(
        ("auth.oauth_session.deleted",),
        lambda done: done.told(
            "auth.oauth_session.deleted", done.user.id if done.user else None, "user", provider=done["provider"]
        ),
    ),
    ("POST", f"{_AUTHS}/add"): Telling(
        ("user.created",),
        lambda done: done.told("user.created", done.answer.id, role=done.answer.role, source="admin"),
    ),
    ("POST", f"{_USERS}/default/permissions"): Telling(
        ("user.permissions_updated",),
        lambda done: done.told("user.permissions_updated", "user.permissions", "config"),
    ),
    ("POST", f"{_USERS}/user/settings/update"): _own("user.settings_updated"),
    ("POST", f"{_USERS}/user/status/update"): _own("user.status_updated"),
    ("POST", f"{_USERS}/{{user_id}}/sessions/revoke"): Telling(
        ("auth.sessions_revoked",), lambda done: done.told("auth.sessions_revoked", done["user_id"], "user")
    ),
    ("POST", f"{_USERS}/{{user_id}}/update"): _CHANGED,
    ("PUT", f"{_USERS}/{{user_id}}"): _CHANGED,
    ("DELETE", f"{_USERS}/{{user_id}}"): Telling(
        ("user.deleted",), lambda done: done.told("user.deleted", done["user_id"])
    ),
    ("POST", f"{_GROUPS}/create"): Telling(
        ("group.created",), lambda done: done.told("group.created", done.field("id"), name=done.field("name"))
    ),
    ("POST", f"{_GROUP}/update"): Telling(
        ("group.updated",),
        _group_changed,
        PriorLookup(_Parent, "group", 'SELECT parent_group_id FROM "group" WHERE id = :id'),
    ),
    ("POST", f"{_GROUP}/users/add"): Telling(
        ("group.member_added",),
        lambda done: done.told("group.member_added", done["id"], user_ids=done.before),
        PriorLookup(str, "users", 'SELECT id FROM "user" WHERE id = ANY(:user_ids)', _known, rows=True),
    ),
    ("POST", f"{_GROUP}/users/remove"): Telling(
        ("group.member_removed",),
        lambda done: done.told("group.member_removed", done["id"], user_ids=done["data"].user_ids),
    ),
    ("DELETE", f"{_GROUP}/delete"): Telling(
        ("group.deleted", "group.updated"),
        _group_deleted,
        PriorLookup(
            _Family,
            "family",
            """SELECT g.parent_group_id, c.id FROM "group" g LEFT JOIN "group" c ON c.parent_group_id = g.id
            WHERE g.id = :id ORDER BY c.id""",
            rows=True,
        ),
    ),
}
