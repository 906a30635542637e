"""Files of a knowledge: added, changed, moved, removed, searched, exported."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_ALL = "/api/v1/knowledge"
_ONE = f"{_ALL}/${{knowledge}}"
_DEFAULT = "/api/v1/users/default/permissions"
_WRITE = [
    {"principal_type": "user", "principal_id": "${cy.id}", "permission": permission} for permission in ("read", "write")
]
_FILES = ("$.files",)


def _upload_file(who: str, saved: str, text: str, *, process: bool = True):
    return post(
        who, "/api/v1/files/", form={"file": [f"{saved}.txt", text, "text/plain"]},
        query={"process": process, "process_in_background": False}, save={saved: "$.id"}, pause=1.05,
        ignore=("$",), why="uploads are compared by a scenario of their own",
    )  # fmt: skip


def _make_reference(name: str, **more: str):
    return {"file_id": f"${{{name}}}", **more}


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    post(
        "ada",
        _DEFAULT,
        Merged("${permissions}", {"workspace": Merged("${workspace}", {"knowledge": True})}),
    ),
    post("bob", f"{_ALL}/create", {"name": "Birds", "description": "d"}, save={"knowledge": "$.id"}),
    post("bob", f"{_ONE}/dirs/create", {"name": "Water"}, save={"water": "$.id"}),
    post("ada", f"{_ALL}/create", {"name": "Other", "description": "d"}, save={"other": "$.id"}),
    post("ada", f"{_ALL}/${{other}}/dirs/create", {"name": "Elsewhere"}, save={"elsewhere": "$.id"}),
    _upload_file("bob", "heron", "Herons stand in water and wait for fish."),
    _upload_file("bob", "egret", "Egrets are white."),
    _upload_file("bob", "raw", "Nobody has read this.", process=False),
    _upload_file("ada", "secret", "Only for Ada."),
    _upload_file("cy", "crane", "Cranes dance."),
    _upload_file("bob", "twin", "Herons stand in water and wait for fish."),
    # Files that cannot be added.
    post("bob", f"{_ONE}/file/add", {}),
    post("bob", f"{_ONE}/file/add", {"file_id": "nothing"}),
    post("bob", f"{_ONE}/file/add", _make_reference("raw")),
    post("bob", f"{_ONE}/file/add", _make_reference("secret")),
    post("bob", f"{_ONE}/file/add", _make_reference("heron", directory_id="nothing")),
    post("bob", f"{_ONE}/file/add", _make_reference("heron", directory_id="${elsewhere}")),
    # Files that can be added.
    post("bob", f"{_ONE}/file/add", _make_reference("heron")),
    post("bob", f"{_ONE}/file/add", _make_reference("heron")),
    post("bob", f"{_ONE}/file/add", _make_reference("twin")),
    post("bob", f"{_ONE}/file/add", _make_reference("egret", directory_id="${water}"), unordered=_FILES, pause=1.1),
    get("bob", _ONE),
    get("bob", f"{_ALL}/"),
    get("bob", f"{_ONE}/files"),
    get("bob", f"{_ONE}/files/pending"),
    get("bob", f"{_ONE}/files/pending", query={"stream": True}),
    get("bob", f"{_ONE}/files", query={"directory_id": ""}),
    get("bob", f"{_ONE}/files", query={"directory_id": "${water}"}),
    get("bob", f"{_ONE}/files", query={"directory_id": "${elsewhere}"}),
    get("bob", f"{_ONE}/files", query={"directory_id": "nothing"}),
    get("bob", f"{_ONE}/files", query={"query": "HERON"}),
    get("bob", f"{_ONE}/files", query={"query": "white"}),
    get("bob", f"{_ONE}/files", query={"query": "white", "include_content": True}),
    get("bob", f"{_ONE}/files", query={"view_option": "created"}),
    get("bob", f"{_ONE}/files", query={"view_option": "shared"}),
    get("bob", f"{_ONE}/files", query={"order_by": "name", "direction": "asc"}),
    get("bob", f"{_ONE}/files", query={"order_by": "name"}),
    get("bob", f"{_ONE}/files", query={"order_by": "created_at", "direction": "asc"}),
    get("bob", f"{_ONE}/files", query={"order_by": "updated_at", "direction": "asc"}),
    get("bob", f"{_ONE}/files", query={"limit": 1}),
    get("ada", f"{_ONE}/files", query={"limit": 1, "order_by": "name"}),
    get("ada", f"{_ONE}/files", query={"limit": 1, "order_by": "name", "page": 2}),
    get("ada", f"{_ONE}/files", query={"limit": 0, "order_by": "name"}),
    get("bob", f"{_ALL}/search/files"),
    get("bob", f"{_ALL}/search/files", query={"query": "egret"}),
    get("bob", f"{_ALL}/search/files", query={"query": "fish"}),
    get("bob", f"{_ALL}/search/files", query={"query": "fish", "include_content": True}),
    get("ada", f"{_ALL}/search/files"),
    get("cy", f"{_ALL}/search/files"),
    # The user's own file in the knowledge of another user.
    post("bob", f"{_ONE}/access/update", {"access_grants": []}, unordered=_FILES),
    post("ada", f"{_ONE}/access/update", {"access_grants": _WRITE}, unordered=(*_FILES, "$.access_grants")),
    post("cy", f"{_ONE}/file/add", _make_reference("crane"), unordered=(*_FILES, "$.access_grants")),
    post("cy", f"{_ONE}/file/add", _make_reference("secret")),
    get("cy", f"{_ONE}/files", query={"view_option": "created"}),
    get("cy", f"{_ALL}/search/files", query={"query": "crane"}, unordered=("$.items[*].collection.access_grants",)),
    # Moved.
    post("bob", f"{_ONE}/file/move", {}),
    post("bob", f"{_ONE}/file/move", _make_reference("raw")),
    post("bob", f"{_ONE}/file/move", _make_reference("heron", directory_id="${elsewhere}")),
    post("bob", f"{_ONE}/file/move", _make_reference("heron", directory_id="${water}")),
    get("bob", f"{_ONE}/files", query={"directory_id": "${water}", "order_by": "name", "direction": "asc"}),
    post("bob", f"{_ONE}/file/move", _make_reference("heron")),
    get("bob", f"{_ONE}/files", query={"directory_id": "", "order_by": "name", "direction": "asc"}),
    # Changed.
    post("bob", f"{_ONE}/file/update", {"file_id": "nothing"}),
    post("bob", f"{_ONE}/file/update", _make_reference("raw")),
    post("bob", f"{_ONE}/file/update", _make_reference("egret"), unordered=(*_FILES, "$.access_grants")),
    # Batches.
    post("bob", f"{_ONE}/files/batch/add", {}),
    post("bob", f"{_ONE}/files/batch/add", [{"file_id": 1}]),
    post("bob", f"{_ONE}/files/batch/add", [], unordered=(*_FILES, "$.access_grants")),
    post("bob", f"{_ONE}/files/batch/add", [_make_reference("heron"), {"file_id": "nothing"}]),
    post("bob", f"{_ONE}/files/batch/add", [_make_reference("secret")]),
    post("bob", f"{_ONE}/files/batch/add", [_make_reference("heron")], unordered=(*_FILES, "$.access_grants")),
    post("bob", f"{_ONE}/files/batch/add", [_make_reference("heron", directory_id="nothing")]),
    post(
        "ada",
        f"{_ALL}/${{other}}/files/batch/add",
        [_make_reference("heron"), _make_reference("egret", directory_id="${elsewhere}")],
        unordered=_FILES,
    ),
    post("ada", f"{_ALL}/${{other}}/files/batch/add", [_make_reference("twin")], unordered=_FILES),
    get("ada", f"{_ALL}/${{other}}/files", query={"order_by": "name"}),
    # Export.
    refused_steps("bob cy anonymous", "GET", f"{_ONE}/export"),
    get("ada", f"{_ONE}/export", ignore=("$",), why="an archive holds the time at which it was made"),
    # Removal.
    post("bob", f"{_ONE}/file/remove", {}),
    post("bob", f"{_ONE}/file/remove", {"file_id": "nothing"}),
    post("bob", f"{_ONE}/file/remove", _make_reference("raw")),
    post(
        "bob",
        f"{_ONE}/file/remove",
        _make_reference("heron"),
        query={"delete_file": False},
        unordered=(*_FILES, "$.access_grants"),
    ),
    get("bob", "/api/v1/files/${heron}", ignore=("$",), why="files are compared by a scenario of their own"),
    post("bob", f"{_ONE}/file/remove", _make_reference("egret"), unordered=(*_FILES, "$.access_grants")),
    get("bob", "/api/v1/files/${egret}"),
    post("bob", f"{_ONE}/file/remove", _make_reference("crane"), unordered=(*_FILES, "$.access_grants")),
    get("cy", "/api/v1/files/${crane}", ignore=("$",), why="files are compared by a scenario of their own"),
    post("bob", f"{_ONE}/file/add", _make_reference("heron"), unordered=(*_FILES, "$.access_grants")),
    # Reset.
    post("bob", f"{_ONE}/reset", query={"include_directories": False}, unordered=("$.access_grants",)),
    get("bob", f"{_ONE}/files"),
    post("bob", f"{_ONE}/reset", unordered=("$.access_grants",)),
    get("bob", f"{_ONE}/files"),
    get("bob", "/api/v1/files/${heron}"),
    delete("bob", f"{_ONE}/delete"),
    delete("ada", f"{_ALL}/${{other}}/delete"),
    get("ada", f"{_ALL}/search/files"),
)
