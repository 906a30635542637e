"""Events of accounts, sessions, users and groups."""

from __future__ import annotations

from typing import Any

from fastback.access.activity import ActivityEvent
from fastback.features.webhooks.emission import EventRule, EventRules, Operation, PriorLookup
from fastback.features.webhooks.operations import prior_state_store as store

_AUTHS, _USERS, _GROUPS = "/api/v1/auths", "/api/v1/users", "/api/v1/groups"
_GROUP = f"{_GROUPS}/id/{{id}}"


def _build_own_rule(event: str, *, with_type: bool = False, **data: Any) -> EventRule:
    """Return a rule about the requester's own account; a response of `false` means that nothing changed."""

    def create_event(operation: Operation) -> ActivityEvent | None:
        user = operation.requester
        if user is None or operation.response is False:
            return None
        return operation.create_event(event, user.id, "user" if with_type else None, **data)

    return EventRule((event,), create_event)


def _create_user_events(operation: Operation) -> list[ActivityEvent]:
    """Return the events of a changed user: changed fields, changed role, changed password."""
    form, user_id = operation.body, operation.parameters["user_id"]
    fields = [name for name in ("name", "email", "profile_image_url") if getattr(form, name) is not None]
    events = []
    if fields:
        events.append(operation.create_event("user.updated", user_id, updated_fields=fields))
    if operation.prior is not None and operation.prior != operation.response.role:
        events.append(operation.create_event("user.role_updated", user_id, role=operation.response.role))
    if form.password:
        events.append(operation.create_event("auth.password_changed", user_id, "user", source="admin"))
    return events


def _create_group_deleted_events(operation: Operation) -> list[ActivityEvent]:
    """Return the event of the deleted group, and one for each child that moves to the group's parent."""
    group_id, relations = operation.parameters["id"], operation.prior
    parent_id = relations[0].parent_id if relations else None
    child_ids = [relation.child_id for relation in relations if relation.child_id is not None]
    move = {"old_parent_group_id": group_id, "parent_group_id": parent_id}
    return [
        operation.create_event("group.deleted", group_id, parent_group_id=parent_id, promoted_child_ids=child_ids),
        *(operation.create_event("group.updated", child_id, **move) for child_id in child_ids),
    ]


def _create_group_updated_event(operation: Operation) -> ActivityEvent:
    return operation.create_event(
        "group.updated",
        operation.parameters["id"],
        name=operation.get_field("name"),
        old_parent_group_id=operation.prior.parent_group_id if operation.prior is not None else None,
        parent_group_id=operation.get_field("parent_group_id"),
    )


_USER_UPDATED = EventRule(
    ("user.updated", "user.role_updated", "auth.password_changed"),
    _create_user_events,
    PriorLookup("role", lambda db, operation: store.find_role(db, operation.parameters["user_id"])),
)

RULES: EventRules = {
    ("POST", f"{_AUTHS}/update/profile"): _build_own_rule(
        "user.profile_updated", updated_fields=["profile_image_url", "name", "bio", "gender", "date_of_birth"]
    ),
    ("POST", f"{_AUTHS}/update/timezone"): _build_own_rule("user.updated", updated_fields=["timezone"]),
    ("POST", f"{_AUTHS}/update/password"): _build_own_rule("auth.password_changed", with_type=True),
    ("POST", f"{_AUTHS}/api_key"): _build_own_rule("auth.api_key.created", with_type=True),
    ("DELETE", f"{_AUTHS}/api_key"): _build_own_rule("auth.api_key.deleted", with_type=True),
    ("DELETE", f"{_AUTHS}/oauth/sessions/{{provider}}"): EventRule(
        ("auth.oauth_session.deleted",),
        lambda operation: operation.create_event(
            "auth.oauth_session.deleted",
            operation.requester.id if operation.requester else None,
            "user",
            provider=operation.parameters["provider"],
        ),
    ),
    ("POST", f"{_AUTHS}/add"): EventRule(
        ("user.created",),
        lambda operation: operation.create_event(
            "user.created", operation.response.id, role=operation.response.role, source="admin"
        ),
    ),
    ("POST", f"{_USERS}/default/permissions"): EventRule(
        ("user.permissions_updated",),
        lambda operation: operation.create_event("user.permissions_updated", "user.permissions", "config"),
    ),
    ("POST", f"{_USERS}/user/settings/update"): _build_own_rule("user.settings_updated"),
    ("POST", f"{_USERS}/user/status/update"): _build_own_rule("user.status_updated"),
    ("POST", f"{_USERS}/{{user_id}}/sessions/revoke"): EventRule(
        ("auth.sessions_revoked",),
        lambda operation: operation.create_event("auth.sessions_revoked", operation.parameters["user_id"], "user"),
    ),
    ("POST", f"{_USERS}/{{user_id}}/update"): _USER_UPDATED,
    ("PUT", f"{_USERS}/{{user_id}}"): _USER_UPDATED,
    ("DELETE", f"{_USERS}/{{user_id}}"): EventRule(
        ("user.deleted",), lambda operation: operation.create_event("user.deleted", operation.parameters["user_id"])
    ),
    ("POST", f"{_GROUPS}/create"): EventRule(
        ("group.created",),
        lambda operation: operation.create_event(
            "group.created", operation.get_field("id"), name=operation.get_field("name")
        ),
    ),
    ("POST", f"{_GROUP}/update"): EventRule(
        ("group.updated",),
        _create_group_updated_event,
        PriorLookup("group", lambda db, operation: store.find_parent_group(db, operation.parameters["id"])),
    ),
    ("POST", f"{_GROUP}/users/add"): EventRule(
        ("group.member_added",),
        lambda operation: operation.create_event(
            "group.member_added", operation.parameters["id"], user_ids=operation.prior
        ),
        PriorLookup("users", lambda db, operation: store.list_existing_users(db, operation.body.user_ids or [])),
    ),
    ("POST", f"{_GROUP}/users/remove"): EventRule(
        ("group.member_removed",),
        lambda operation: operation.create_event(
            "group.member_removed", operation.parameters["id"], user_ids=operation.body.user_ids
        ),
    ),
    ("DELETE", f"{_GROUP}/delete"): EventRule(
        ("group.deleted", "group.updated"),
        _create_group_deleted_events,
        PriorLookup("relations", lambda db, operation: store.list_group_relations(db, operation.parameters["id"])),
    ),
}
