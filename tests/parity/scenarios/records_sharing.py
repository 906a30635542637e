"""Audiences of prompts, tools and skills: sharing with each audience needs its own permission."""

from parity.plugins import SIMPLE
from parity.steps import Merged, flatten_steps, get, post

_DEFAULT = "/api/v1/users/default/permissions"
_USER = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "read"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_ANYONE = {"principal_type": "anyone", "principal_id": "*", "permission": "read"}
_EVERY = [_USER, _GROUP, _PUBLIC, _ANYONE]
_KINDS = {
    "prompt": ("/api/v1/prompts", {"command": "one", "name": "One", "content": "One"}),
    "tool": ("/api/v1/tools", {"id": "one", "name": "One", "content": SIMPLE, "meta": {}}),
    "skill": ("/api/v1/skills", {"id": "one", "name": "One", "content": "# One"}),
}


def _set_permissions(**sections: dict[str, bool]):
    """Set the default permissions: these sections, and creating and changing records."""
    sections["workspace"] = {"prompts": True, "tools": True, "skills": True}
    changes = {name: Merged(f"${{{name}}}", section) for name, section in sections.items()}
    return post("ada", _DEFAULT, Merged("${permissions}", changes))


def _create_record(kind: str, who: str, number: int):
    """Create a record with every grant; grants without permission are left out."""
    path, form = _KINDS[kind]
    names = {name: f"{form[name]}{number}" for name in ("id", "command", "name") if name in form}
    return post(
        who, f"{path}/create", {**form, **names, "access_grants": _EVERY}, unordered=("$.access_grants",),
        save={kind: "$.id"},
    )  # fmt: skip


def _request_each_grant(kind: str, who: str = "bob"):
    """Request each grant alone afterwards; a grant without permission is refused."""
    path = f"{_KINDS[kind][0]}/id/${{{kind}}}/access/update"
    return [post(who, path, {"access_grants": [grant]}) for grant in (_USER, _GROUP, _PUBLIC, _ANYONE)]


def _make_round(kind: str):
    sharing = {f"{kind}s": True}
    public = {f"public_{kind}s": True}
    either = {"allow_users": True, "allow_groups": True}
    neither = {"allow_users": False, "allow_groups": False}
    return flatten_steps(
        _set_permissions(),
        _create_record(kind, "bob", 1),
        _request_each_grant(kind),
        _set_permissions(sharing=sharing, access_grants=either),
        _create_record(kind, "bob", 2),
        _request_each_grant(kind),
        _set_permissions(sharing=sharing | public, access_grants=neither),
        _create_record(kind, "bob", 3),
        _request_each_grant(kind),
        _set_permissions(sharing=public, access_grants=either),
        _request_each_grant(kind),
        _create_record(kind, "ada", 4),
        _request_each_grant(kind, "ada"),
    )


STEPS = flatten_steps(
    get(
        "ada",
        _DEFAULT,
        save={
            "permissions": "$",
            "workspace": "$.workspace",
            "sharing": "$.sharing",
            "access_grants": "$.access_grants",
        },
    ),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}"]}),
    *[_make_round(kind) for kind in _KINDS],
)
