"""What each grant lets somebody do with each kind of record: by user, by group, to everybody, to read or to write."""

from parity.plugins import SIMPLE
from parity.steps import Merged, Step, delete, flat, get, post

_DEFAULT = "/api/v1/users/default/permissions"
_KINDS = {
    "prompt": ("/api/v1/prompts", {"command": "one", "name": "One", "content": "One"}),
    "tool": ("/api/v1/tools", {"id": "one", "name": "One", "content": SIMPLE, "meta": {}}),
    "skill": ("/api/v1/skills", {"id": "one", "name": "One", "content": "# One"}),
    "model": ("/api/v1/models", {"id": "one", "base_model_id": "demo-small", "name": "One", "params": {}, "meta": {}}),
}
_TO = {"user": ("user", "${cy.id}"), "group": ("group", "${group}"), "everybody": ("user", "*")}
_GRANTS = [[]] + [
    [{"principal_type": kind, "principal_id": who, "permission": permission}]
    for kind, who in _TO.values()
    for permission in ("read", "write")
]
#: Grants come in no order.
_LOOSE = {"unordered": ("$.access_grants",)}


def _paths(kind: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Path and query of what is done with the record."""
    area = _KINDS[kind][0]
    if kind == "model":
        one = f"{area}/model"
        query = {"id": "one"}
        return {
            "": (one, query),
            "update": (f"{one}/update", {}),
            "access/update": (f"{one}/access/update", {}),
            "history": (f"{one}/history", query),
        }
    one = f"{area}/id/${{{kind}}}"
    return {"": (one, {}), **{name: (f"{one}/{name}", {}) for name in ("update", "access/update", "history")}}


def _share(who: str, kind: str, grants: list[dict[str, str]]) -> Step:
    path, _ = _paths(kind)["access/update"]
    return post(who, path, {"access_grants": grants, **({"id": "one"} if kind == "model" else {})}, **_LOOSE)


def _round(kind: str, grants: list[dict[str, str]]) -> list[Step]:
    area, form = _KINDS[kind]
    paths = _paths(kind)
    steps = [_share("ada", kind, grants)]
    for who in ("cy", "bob"):
        path, query = paths[""]
        steps.append(get(who, path, query=query, **_LOOSE))
        steps.append(post(who, paths["update"][0], form, **_LOOSE))
        path, query = paths["history"]
        steps.append(get(who, path, query=query))
        steps.append(get(who, f"{area}/list", unordered=("$.items[*].access_grants",)))
    steps.append(_share("cy", kind, grants))
    for who in ("pending", "anonymous"):
        path, query = paths[""]
        steps.append(get(who, path, query=query))
    return steps


def _of(kind: str) -> list[Step]:
    area, form = _KINDS[kind]
    made = post("bob", f"{area}/create", form, save={kind: "$.id"})
    if kind == "model":
        gone = [post(who, f"{area}/model/delete", {"id": "one"}) for who in ("cy", "bob")]
    else:
        gone = [delete(who, f"{area}/id/${{{kind}}}/delete") for who in ("cy", "bob")]
    return [made, *(step for grants in _GRANTS for step in _round(kind, grants)), *gone]


_MAY = {"workspace": Merged("${workspace}", dict.fromkeys(("prompts", "tools", "skills", "models"), True))}

STEPS = flat(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    post("ada", _DEFAULT, Merged("${permissions}", _MAY)),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    *[_of(kind) for kind in _KINDS],
)
