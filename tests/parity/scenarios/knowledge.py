"""Knowledge: made, read, changed, shared, emptied, deleted, by everybody who may and may not."""

from parity.steps import Merged, delete, flat, get, post, refused

_ALL = "/api/v1/knowledge"
_ONE = f"{_ALL}/${{knowledge}}"
_DEFAULT = "/api/v1/users/default/permissions"
_FORM = {"name": "Birds", "description": "All about herons"}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "write"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_FILE = {"file_id": "${file}"}


def _allow(**workspace: bool):
    return post("ada", _DEFAULT, Merged("${permissions}", {"workspace": Merged("${workspace}", workspace)}))


def _changes(who: str, one: str = _ONE):
    """Every operation that changes one knowledge."""
    return flat(
        refused(who, "POST", f"{one}/update", {**_FORM, "name": "Mine"}),
        refused(who, "POST", f"{one}/access/update", {"access_grants": []}),
        refused(who, "POST", f"{one}/dirs/create", {"name": "mine"}),
        refused(who, "POST", f"{one}/dirs/${{dir}}/update", {"name": "mine"}),
        refused(who, "DELETE", f"{one}/dirs/${{dir}}/delete"),
        refused(who, "POST", f"{one}/file/add", _FILE),
        refused(who, "POST", f"{one}/file/update", _FILE),
        refused(who, "POST", f"{one}/file/move", _FILE),
        refused(who, "POST", f"{one}/file/remove", _FILE),
        refused(who, "POST", f"{one}/files/batch/add", [_FILE]),
        refused(who, "POST", f"{one}/sync/diff", {"manifest": []}),
        refused(who, "POST", f"{one}/sync/cleanup", {"file_ids": []}),
        refused(who, "POST", f"{one}/reset"),
        refused(who, "GET", f"{one}/export"),
        refused(who, "DELETE", f"{one}/delete"),
    )


def _reads(who: str, one: str = _ONE):
    return flat(
        refused(who, "GET", one),
        refused(who, "GET", f"{one}/files"),
        refused(who, "GET", f"{one}/files/pending"),
    )


def _lists(who: str):
    return flat(refused(who, "GET", f"{_ALL}/"), refused(who, "GET", f"{_ALL}/search"))


STEPS = flat(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    refused("anonymous pending bob", "POST", f"{_ALL}/create", _FORM),
    post("ada", f"{_ALL}/create", {}),
    post("ada", f"{_ALL}/create", {"name": 1, "description": None, "access_grants": "all"}),
    post("ada", f"{_ALL}/create", {"name": "", "description": ""}, save={"empty": "$.id"}),
    delete("ada", f"{_ALL}/${{empty}}/delete"),
    _allow(knowledge=True),
    # Bob may make knowledge, and share none.
    post("bob", f"{_ALL}/create", {**_FORM, "access_grants": [_READ, _PUBLIC]}, save={"knowledge": "$.id"}),
    post("bob", f"{_ONE}/dirs/create", {"name": "Herons"}, save={"dir": "$.id"}),
    post(
        "bob",
        "/api/v1/files/",
        form={"file": ["a.txt", "Herons fish.", "text/plain"]},
        query={"process": False},
        save={"file": "$.id"},
    ),
    get("bob", _ONE),
    get("ada", _ONE),
    _lists("bob ada cy"),
    _reads("cy pending anonymous"),
    _changes("cy"),
    _changes("pending anonymous"),
    _reads("ada", f"{_ALL}/nothing"),
    _changes("ada", f"{_ALL}/nothing"),
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("bob", f"{_ONE}/access/update", {"access_grants": "all"}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [{"principal_type": "robot"}, _READ, _READ]}),
    # Cy may read.
    _reads("cy"),
    _lists("cy"),
    get("cy", f"{_ALL}/search/files"),
    _changes("cy"),
    # Cy may write.
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ, _WRITE]}, unordered=("$.access_grants",)),
    get("cy", _ONE, unordered=("$.access_grants",)),
    get("cy", f"{_ALL}/", unordered=("$.items[*].access_grants",)),
    post("cy", f"{_ONE}/update", {**_FORM, "name": "Herons", "access_grants": []}, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/dirs/create", {"name": "Egrets"}),
    post("cy", f"{_ONE}/file/add", _FILE),
    post("cy", f"{_ONE}/reset", unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    # By a group.
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_GROUP]}),
    _reads("cy"),
    _lists("cy"),
    post("cy", f"{_ONE}/update", {"name": "Group's", "description": ""}),
    # By everybody.
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    _reads("cy pending anonymous"),
    _lists("cy"),
    refused("cy", "POST", f"{_ONE}/update", _FORM),
    refused("cy", "DELETE", f"{_ONE}/delete"),
    # What is wrong with a request.
    post("bob", f"{_ONE}/update", {}),
    post("bob", f"{_ONE}/update", {"name": "Half"}),
    post("bob", f"{_ONE}/access/update", {}),
    get("bob", f"{_ONE}/files", query={"page": "x"}),
    get("bob", f"{_ONE}/files", query={"limit": "x", "include_content": "perhaps"}),
    post("bob", f"{_ONE}/reset", query={"include_directories": "perhaps"}),
    # Searching.
    post("ada", f"{_ALL}/create", {"name": "Ants", "description": "100% ants"}, save={"ants": "$.id"}, pause=1.1),
    get("ada", f"{_ALL}/search", query={"query": "ants"}),
    get("ada", f"{_ALL}/search", query={"query": "bob@example"}),
    get("ada", f"{_ALL}/search", query={"query": "BIRDS"}),
    get("ada", f"{_ALL}/search", query={"view_option": "created"}),
    get("ada", f"{_ALL}/search", query={"view_option": "shared"}),
    get("ada", f"{_ALL}/search", query={"order_by": "name", "direction": "asc"}),
    get("ada", f"{_ALL}/search", query={"order_by": "description", "direction": "up"}),
    get(
        "ada",
        f"{_ALL}/search",
        query={"source": "local"},
        ignore=("$",),
        why="the reference finds no knowledge here that was made without a meta",
    ),
    get("ada", f"{_ALL}/search", query={"source": "external"}),
    get("ada", f"{_ALL}/search", query={"page": 0}),
    get("ada", f"{_ALL}/search", query={"page": 2}),
    # Without the permission those who have made knowledge keep it.
    _allow(knowledge=False),
    post("bob", f"{_ONE}/update", {"name": "Still mine", "description": "x"}),
    refused("bob", "POST", f"{_ALL}/create", _FORM),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    delete("ada", f"{_ALL}/${{ants}}/delete"),
    get("ada", f"{_ALL}/"),
)
