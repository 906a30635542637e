"""The effect of each grant on each kind of record: by user, by group, public, for reading or writing."""

from parity.plugins import SIMPLE
from parity.steps import Merged, Step, delete, flatten_steps, get, post

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
#: Grants come in any order.
_LOOSE = {"unordered": ("$.access_grants",)}


def _list_paths(kind: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the path and query of each operation on the record."""
    area = _KINDS[kind][0]
    if kind == "model":
        record_url = f"{area}/model"
        query = {"id": "one"}
        return {
            "": (record_url, query),
            "update": (f"{record_url}/update", {}),
            "access/update": (f"{record_url}/access/update", {}),
            "history": (f"{record_url}/history", query),
        }
    record_url = f"{area}/id/${{{kind}}}"
    return {
        "": (record_url, {}),
        **{name: (f"{record_url}/{name}", {}) for name in ("update", "access/update", "history")},
    }


def _update_grants(who: str, kind: str, grants: list[dict[str, str]]) -> Step:
    path, _ = _list_paths(kind)["access/update"]
    return post(who, path, {"access_grants": grants, **({"id": "one"} if kind == "model" else {})}, **_LOOSE)


def _make_round(kind: str, grants: list[dict[str, str]]) -> list[Step]:
    area, form = _KINDS[kind]
    paths = _list_paths(kind)
    steps = [_update_grants("ada", kind, grants)]
    for who in ("cy", "bob"):
        path, query = paths[""]
        steps.append(get(who, path, query=query, **_LOOSE))
        steps.append(post(who, paths["update"][0], form, **_LOOSE))
        path, query = paths["history"]
        steps.append(get(who, path, query=query))
        steps.append(get(who, f"{area}/list", unordered=("$.items[*].access_grants",)))
    steps.append(_update_grants("cy", kind, grants))
    for who in ("pending", "anonymous"):
        path, query = paths[""]
        steps.append(get(who, path, query=query))
    return steps


def _list_steps(kind: str) -> list[Step]:
    area, form = _KINDS[kind]
    create = post("bob", f"{area}/create", form, save={kind: "$.id"})
    if kind == "model":
        deletions = [post(who, f"{area}/model/delete", {"id": "one"}) for who in ("cy", "bob")]
    else:
        deletions = [delete(who, f"{area}/id/${{{kind}}}/delete") for who in ("cy", "bob")]
    return [create, *(step for grants in _GRANTS for step in _make_round(kind, grants)), *deletions]


_MAY = {"workspace": Merged("${workspace}", dict.fromkeys(("prompts", "tools", "skills", "models"), True))}

STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    post("ada", _DEFAULT, Merged("${permissions}", _MAY)),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    *[_list_steps(kind) for kind in _KINDS],
)
