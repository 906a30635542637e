"""With whom prompts, tools and skills may be shared: each audience has a permission of its own."""

from parity.plugins import SIMPLE
from parity.steps import Merged, flat, get, post

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


def _may(**sections: dict[str, bool]):
    """Let everybody do what is said, and make and change records."""
    sections["workspace"] = {"prompts": True, "tools": True, "skills": True}
    changes = {name: Merged(f"${{{name}}}", given) for name, given in sections.items()}
    return post("ada", _DEFAULT, Merged("${permissions}", changes))


def _made(kind: str, who: str, number: int):
    """A record that is made with every grant there is: those that may not be given are left out."""
    path, form = _KINDS[kind]
    named = {name: f"{form[name]}{number}" for name in ("id", "command", "name") if name in form}
    return post(
        who, f"{path}/create", {**form, **named, "access_grants": _EVERY}, unordered=("$.access_grants",),
        save={kind: "$.id"},
    )  # fmt: skip


def _asked(kind: str, who: str = "bob"):
    """Each grant alone, asked for afterwards: one that may not be given refuses the whole."""
    path = f"{_KINDS[kind][0]}/id/${{{kind}}}/access/update"
    return [post(who, path, {"access_grants": [one]}) for one in (_USER, _GROUP, _PUBLIC, _ANYONE)]


def _round(kind: str):
    sharing = {f"{kind}s": True}
    public = {f"public_{kind}s": True}
    either = {"allow_users": True, "allow_groups": True}
    neither = {"allow_users": False, "allow_groups": False}
    return flat(
        _may(),
        _made(kind, "bob", 1),
        _asked(kind),
        _may(sharing=sharing, access_grants=either),
        _made(kind, "bob", 2),
        _asked(kind),
        _may(sharing=sharing | public, access_grants=neither),
        _made(kind, "bob", 3),
        _asked(kind),
        _may(sharing=public, access_grants=either),
        _asked(kind),
        _made(kind, "ada", 4),
        _asked(kind, "ada"),
    )


STEPS = flat(
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
    *[_round(kind) for kind in _KINDS],
)
