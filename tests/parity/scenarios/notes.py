"""Notes: written, read, changed, shared, pinned, found, deleted, by everybody who may and may not."""

from parity.steps import Merged, delete, flat, get, post, refused

_ALL = "/api/v1/notes"
_ONE = f"{_ALL}/${{note}}"
_DEFAULT = "/api/v1/users/default/permissions"
_FORM = {"title": "Birds", "data": {"content": {"json": None, "html": "<p>Hi</p>", "md": "Herons *fish*."}}}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "write"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_GRANTS = ("$.access_grants",)


def _allow(**sections: dict[str, bool]):
    changes = {name: Merged(f"${{{name}}}", given) for name, given in sections.items()}
    return post("ada", _DEFAULT, Merged("${permissions}", changes))


def _reads(who: str, one: str = _ONE):
    return flat(
        refused(who, "GET", one),
        refused(who, "POST", f"{one}/pin"),
    )


def _changes(who: str, one: str = _ONE):
    return flat(
        refused(who, "POST", f"{one}/update", {"title": "Mine"}),
        refused(who, "POST", f"{one}/access/update", {"access_grants": []}),
        refused(who, "DELETE", f"{one}/delete"),
    )


def _lists(who: str):
    return flat(
        refused(who, "GET", f"{_ALL}/"),
        refused(who, "GET", f"{_ALL}/pinned"),
        refused(who, "GET", f"{_ALL}/search"),
    )


STEPS = flat(
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features", "sharing": "$.sharing"}),
    refused("anonymous pending", "POST", f"{_ALL}/create", _FORM),
    post("ada", f"{_ALL}/create", {}),
    post("ada", f"{_ALL}/create", {"title": 1, "data": [], "meta": "x", "access_grants": "all"}),
    post("ada", f"{_ALL}/create", {"title": "Bare"}, save={"bare": "$.id"}),
    get("ada", f"{_ALL}/${{bare}}"),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": {"content": {"md": {"a": [1, "ä"]}}}}),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": {"content": {"md": 12}, "more": 1}}),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": "just text"}),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": {"content": {"md": None}}}),
    # Bob writes one, and may share with nobody.
    post(
        "bob", f"{_ALL}/create", {**_FORM, "meta": {"a": 1}, "access_grants": [_READ, _PUBLIC]}, save={"note": "$.id"}
    ),
    get("bob", _ONE),
    get("ada", _ONE),
    _lists("bob ada cy"),
    _reads("cy pending anonymous"),
    _changes("cy pending anonymous"),
    _reads("ada", f"{_ALL}/nothing"),
    _changes("ada", f"{_ALL}/nothing"),
    # Changed by halves.
    post("bob", f"{_ONE}/update", {}),
    post("bob", f"{_ONE}/update", {"title": "Water birds"}),
    post("bob", f"{_ONE}/update", {"data": {"files": [], "versions": [1]}}),
    post("bob", f"{_ONE}/update", {"data": {"content": {"md": "Egrets, to-do."}}, "meta": {"b": 2}}),
    post("bob", f"{_ONE}/update", {"title": 1, "data": 2, "meta": 3}),
    post("bob", f"{_ONE}/update", {"data": None, "meta": None}),
    get("bob", _ONE),
    post("bob", f"{_ONE}/update", {"title": "Water birds", "data": {"files": [{"type": "file", "id": "nothing"}]}}),
    post("ada", f"{_ONE}/update", {"data": {"files": [{"type": "file", "id": "nothing"}]}}),
    post("bob", f"{_ONE}/update", {"data": {"files": [{"type": "file", "id": "nothing"}]}}),
    post("bob", f"{_ONE}/update", {"data": {"files": "x"}}),
    # Shared.
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("bob", f"{_ONE}/access/update", {}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [{"principal_type": "robot"}, _READ, _READ]}),
    _reads("cy"),
    _lists("cy"),
    get("cy", f"{_ALL}/search", query={"permission": "read"}),
    get("cy", f"{_ALL}/search", query={"permission": "read_only"}),
    _changes("cy"),
    get("cy", f"{_ALL}/pinned"),
    post("cy", f"{_ONE}/pin"),
    get("cy", f"{_ALL}/pinned"),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ, _WRITE]}, unordered=_GRANTS),
    get("cy", _ONE, unordered=_GRANTS),
    post("cy", f"{_ONE}/update", {"title": "Cy's"}, unordered=_GRANTS),
    get("cy", f"{_ALL}/search", unordered=("$.items[*].access_grants",)),
    post("cy", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_GROUP]}),
    get("cy", _ONE),
    post("cy", f"{_ONE}/update", {"title": "The group's"}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    _reads("cy"),
    _changes("cy"),
    _allow(sharing={"notes": True, "public_notes": True}),
    post(
        "bob",
        f"{_ONE}/access/update",
        {"access_grants": [_PUBLIC, {**_PUBLIC, "permission": "write"}]},
        unordered=_GRANTS,
    ),
    get("cy", _ONE, unordered=_GRANTS),
    post("cy", f"{_ONE}/update", {"data": {"content": {"md": "Everybody's."}}}, unordered=_GRANTS),
    # Found.
    get("bob", f"{_ALL}/search", query={"query": "everybodys"}, unordered=("$.items[*].access_grants",)),
    get("bob", f"{_ALL}/search", query={"query": "group everybody"}, unordered=("$.items[*].access_grants",)),
    get("bob", f"{_ALL}/search", query={"query": "nobody"}),
    # Switched off.
    _allow(features={"notes": False}),
    _lists("bob"),
    refused("bob", "POST", f"{_ALL}/create", _FORM),
    _reads("bob"),
    _changes("bob"),
    _allow(features={"notes": True}),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("cy", f"{_ALL}/pinned"),
    get("ada", f"{_ALL}/search", query={"query": "birds"}),
)
