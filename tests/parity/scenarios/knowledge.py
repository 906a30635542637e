"""Knowledge: created, read, changed, shared, reset, deleted, by users with and without access."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_ALL = "/api/v1/knowledge"
_ONE = f"{_ALL}/${{knowledge}}"
_DEFAULT = "/api/v1/users/default/permissions"
_FORM = {"name": "Birds", "description": "All about herons"}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "write"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_FILE = {"file_id": "${file}"}


def _set_workspace_permissions(**workspace: bool):
    return post("ada", _DEFAULT, Merged("${permissions}", {"workspace": Merged("${workspace}", workspace)}))


def _request_changes(who: str, knowledge_url: str = _ONE):
    """Request every operation that changes one knowledge."""
    return flatten_steps(
        refused_steps(who, "POST", f"{knowledge_url}/update", {**_FORM, "name": "Mine"}),
        refused_steps(who, "POST", f"{knowledge_url}/access/update", {"access_grants": []}),
        refused_steps(who, "POST", f"{knowledge_url}/dirs/create", {"name": "mine"}),
        refused_steps(who, "POST", f"{knowledge_url}/dirs/${{dir}}/update", {"name": "mine"}),
        refused_steps(who, "DELETE", f"{knowledge_url}/dirs/${{dir}}/delete"),
        refused_steps(who, "POST", f"{knowledge_url}/file/add", _FILE),
        refused_steps(who, "POST", f"{knowledge_url}/file/update", _FILE),
        refused_steps(who, "POST", f"{knowledge_url}/file/move", _FILE),
        refused_steps(who, "POST", f"{knowledge_url}/file/remove", _FILE),
        refused_steps(who, "POST", f"{knowledge_url}/files/batch/add", [_FILE]),
        refused_steps(who, "POST", f"{knowledge_url}/sync/diff", {"manifest": []}),
        refused_steps(who, "POST", f"{knowledge_url}/sync/cleanup", {"file_ids": []}),
        refused_steps(who, "POST", f"{knowledge_url}/reset"),
        refused_steps(who, "GET", f"{knowledge_url}/export"),
        refused_steps(who, "DELETE", f"{knowledge_url}/delete"),
    )


def _request_reads(who: str, knowledge_url: str = _ONE):
    return flatten_steps(
        refused_steps(who, "GET", knowledge_url),
        refused_steps(who, "GET", f"{knowledge_url}/files"),
        refused_steps(who, "GET", f"{knowledge_url}/files/pending"),
    )


def _request_lists(who: str):
    return flatten_steps(refused_steps(who, "GET", f"{_ALL}/"), refused_steps(who, "GET", f"{_ALL}/search"))


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    refused_steps("anonymous pending bob", "POST", f"{_ALL}/create", _FORM),
    post("ada", f"{_ALL}/create", {}),
    post("ada", f"{_ALL}/create", {"name": 1, "description": None, "access_grants": "all"}),
    post("ada", f"{_ALL}/create", {"name": "", "description": ""}, save={"empty": "$.id"}),
    delete("ada", f"{_ALL}/${{empty}}/delete"),
    _set_workspace_permissions(knowledge=True),
    # Bob may create knowledge, but not share it.
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
    _request_lists("bob ada cy"),
    _request_reads("cy pending anonymous"),
    _request_changes("cy"),
    _request_changes("pending anonymous"),
    _request_reads("ada", f"{_ALL}/nothing"),
    _request_changes("ada", f"{_ALL}/nothing"),
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("bob", f"{_ONE}/access/update", {"access_grants": "all"}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [{"principal_type": "robot"}, _READ, _READ]}),
    # Cy may read.
    _request_reads("cy"),
    _request_lists("cy"),
    get("cy", f"{_ALL}/search/files"),
    _request_changes("cy"),
    # Cy may write.
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ, _WRITE]}, unordered=("$.access_grants",)),
    get("cy", _ONE, unordered=("$.access_grants",)),
    get("cy", f"{_ALL}/", unordered=("$.items[*].access_grants",)),
    post("cy", f"{_ONE}/update", {**_FORM, "name": "Herons", "access_grants": []}, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/dirs/create", {"name": "Egrets"}),
    post("cy", f"{_ONE}/file/add", _FILE),
    post("cy", f"{_ONE}/reset", unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    # Access through a group.
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_GROUP]}),
    _request_reads("cy"),
    _request_lists("cy"),
    post("cy", f"{_ONE}/update", {"name": "Group's", "description": ""}),
    # Access for all users.
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    _request_reads("cy pending anonymous"),
    _request_lists("cy"),
    refused_steps("cy", "POST", f"{_ONE}/update", _FORM),
    refused_steps("cy", "DELETE", f"{_ONE}/delete"),
    # Invalid requests.
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
    # Without the permission, owners keep their knowledge.
    _set_workspace_permissions(knowledge=False),
    post("bob", f"{_ONE}/update", {"name": "Still mine", "description": "x"}),
    refused_steps("bob", "POST", f"{_ALL}/create", _FORM),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    delete("ada", f"{_ALL}/${{ants}}/delete"),
    get("ada", f"{_ALL}/"),
)
