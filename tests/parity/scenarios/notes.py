"""Notes: created, read, changed, shared, pinned, searched, deleted, by users with and without access."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_ALL = "/api/v1/notes"
_ONE = f"{_ALL}/${{note}}"
_DEFAULT = "/api/v1/users/default/permissions"
_FORM = {"title": "Birds", "data": {"content": {"json": None, "html": "<p>Hi</p>", "md": "Herons *fish*."}}}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "write"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_GRANTS = ("$.access_grants",)


def _set_permissions(**sections: dict[str, bool]):
    changes = {name: Merged(f"${{{name}}}", section) for name, section in sections.items()}
    return post("ada", _DEFAULT, Merged("${permissions}", changes))


def _request_reads(who: str, note_url: str = _ONE):
    return flatten_steps(
        refused_steps(who, "GET", note_url),
        refused_steps(who, "POST", f"{note_url}/pin"),
    )


def _request_changes(who: str, note_url: str = _ONE):
    return flatten_steps(
        refused_steps(who, "POST", f"{note_url}/update", {"title": "Mine"}),
        refused_steps(who, "POST", f"{note_url}/access/update", {"access_grants": []}),
        refused_steps(who, "DELETE", f"{note_url}/delete"),
    )


def _request_lists(who: str):
    return flatten_steps(
        refused_steps(who, "GET", f"{_ALL}/"),
        refused_steps(who, "GET", f"{_ALL}/pinned"),
        refused_steps(who, "GET", f"{_ALL}/search"),
    )


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "features": "$.features", "sharing": "$.sharing"}),
    refused_steps("anonymous pending", "POST", f"{_ALL}/create", _FORM),
    post("ada", f"{_ALL}/create", {}),
    post("ada", f"{_ALL}/create", {"title": 1, "data": [], "meta": "x", "access_grants": "all"}),
    post("ada", f"{_ALL}/create", {"title": "Bare"}, save={"bare": "$.id"}),
    get("ada", f"{_ALL}/${{bare}}"),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": {"content": {"md": {"a": [1, "ä"]}}}}),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": {"content": {"md": 12}, "more": 1}}),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": "just text"}),
    post("ada", f"{_ALL}/create", {"title": "Odd", "data": {"content": {"md": None}}}),
    # Bob creates a note, and may not share it.
    post(
        "bob", f"{_ALL}/create", {**_FORM, "meta": {"a": 1}, "access_grants": [_READ, _PUBLIC]}, save={"note": "$.id"}
    ),
    get("bob", _ONE),
    get("ada", _ONE),
    _request_lists("bob ada cy"),
    _request_reads("cy pending anonymous"),
    _request_changes("cy pending anonymous"),
    _request_reads("ada", f"{_ALL}/nothing"),
    _request_changes("ada", f"{_ALL}/nothing"),
    # Partial changes.
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
    # Sharing.
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("bob", f"{_ONE}/access/update", {}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [{"principal_type": "robot"}, _READ, _READ]}),
    _request_reads("cy"),
    _request_lists("cy"),
    get("cy", f"{_ALL}/search", query={"permission": "read"}),
    get("cy", f"{_ALL}/search", query={"permission": "read_only"}),
    _request_changes("cy"),
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
    _request_reads("cy"),
    _request_changes("cy"),
    _set_permissions(sharing={"notes": True, "public_notes": True}),
    post(
        "bob",
        f"{_ONE}/access/update",
        {"access_grants": [_PUBLIC, {**_PUBLIC, "permission": "write"}]},
        unordered=_GRANTS,
    ),
    get("cy", _ONE, unordered=_GRANTS),
    post("cy", f"{_ONE}/update", {"data": {"content": {"md": "Everybody's."}}}, unordered=_GRANTS),
    # Search.
    get("bob", f"{_ALL}/search", query={"query": "everybodys"}, unordered=("$.items[*].access_grants",)),
    get("bob", f"{_ALL}/search", query={"query": "group everybody"}, unordered=("$.items[*].access_grants",)),
    get("bob", f"{_ALL}/search", query={"query": "nobody"}),
    # Notes are disabled.
    _set_permissions(features={"notes": False}),
    _request_lists("bob"),
    refused_steps("bob", "POST", f"{_ALL}/create", _FORM),
    _request_reads("bob"),
    _request_changes("bob"),
    _set_permissions(features={"notes": True}),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("cy", f"{_ALL}/pinned"),
    get("ada", f"{_ALL}/search", query={"query": "birds"}),
)
