"""Files of a knowledge: added, changed, moved, taken out, searched, exported."""

from parity.steps import Merged, delete, flat, get, post, refused

_ALL = "/api/v1/knowledge"
_ONE = f"{_ALL}/${{knowledge}}"
_DEFAULT = "/api/v1/users/default/permissions"
_WRITE = [{"principal_type": "user", "principal_id": "${cy.id}", "permission": one} for one in ("read", "write")]
_FILES = ("$.files",)


def _upload(who: str, saved: str, text: str, *, process: bool = True):
    return post(
        who, "/api/v1/files/", form={"file": [f"{saved}.txt", text, "text/plain"]},
        query={"process": process, "process_in_background": False}, save={saved: "$.id"}, pause=1.05,
        ignore=("$",), why="uploads are compared by a scenario of their own",
    )  # fmt: skip


def _of(name: str, **more: str):
    return {"file_id": f"${{{name}}}", **more}


STEPS = flat(
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
    _upload("bob", "heron", "Herons stand in water and wait for fish."),
    _upload("bob", "egret", "Egrets are white."),
    _upload("bob", "raw", "Nobody has read this.", process=False),
    _upload("ada", "secret", "Only for Ada."),
    _upload("cy", "crane", "Cranes dance."),
    _upload("bob", "twin", "Herons stand in water and wait for fish."),
    # What cannot be added.
    post("bob", f"{_ONE}/file/add", {}),
    post("bob", f"{_ONE}/file/add", {"file_id": "nothing"}),
    post("bob", f"{_ONE}/file/add", _of("raw")),
    post("bob", f"{_ONE}/file/add", _of("secret")),
    post("bob", f"{_ONE}/file/add", _of("heron", directory_id="nothing")),
    post("bob", f"{_ONE}/file/add", _of("heron", directory_id="${elsewhere}")),
    # What can.
    post("bob", f"{_ONE}/file/add", _of("heron")),
    post("bob", f"{_ONE}/file/add", _of("heron")),
    post("bob", f"{_ONE}/file/add", _of("twin")),
    post("bob", f"{_ONE}/file/add", _of("egret", directory_id="${water}"), unordered=_FILES, pause=1.1),
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
    # Somebody else's knowledge, one's own file.
    post("bob", f"{_ONE}/access/update", {"access_grants": []}, unordered=_FILES),
    post("ada", f"{_ONE}/access/update", {"access_grants": _WRITE}, unordered=(*_FILES, "$.access_grants")),
    post("cy", f"{_ONE}/file/add", _of("crane"), unordered=(*_FILES, "$.access_grants")),
    post("cy", f"{_ONE}/file/add", _of("secret")),
    get("cy", f"{_ONE}/files", query={"view_option": "created"}),
    get("cy", f"{_ALL}/search/files", query={"query": "crane"}, unordered=("$.items[*].collection.access_grants",)),
    # Moved.
    post("bob", f"{_ONE}/file/move", {}),
    post("bob", f"{_ONE}/file/move", _of("raw")),
    post("bob", f"{_ONE}/file/move", _of("heron", directory_id="${elsewhere}")),
    post("bob", f"{_ONE}/file/move", _of("heron", directory_id="${water}")),
    get("bob", f"{_ONE}/files", query={"directory_id": "${water}", "order_by": "name", "direction": "asc"}),
    post("bob", f"{_ONE}/file/move", _of("heron")),
    get("bob", f"{_ONE}/files", query={"directory_id": "", "order_by": "name", "direction": "asc"}),
    # Changed.
    post("bob", f"{_ONE}/file/update", {"file_id": "nothing"}),
    post("bob", f"{_ONE}/file/update", _of("raw")),
    post("bob", f"{_ONE}/file/update", _of("egret"), unordered=(*_FILES, "$.access_grants")),
    # Many at once.
    post("bob", f"{_ONE}/files/batch/add", {}),
    post("bob", f"{_ONE}/files/batch/add", [{"file_id": 1}]),
    post("bob", f"{_ONE}/files/batch/add", [], unordered=(*_FILES, "$.access_grants")),
    post("bob", f"{_ONE}/files/batch/add", [_of("heron"), {"file_id": "nothing"}]),
    post("bob", f"{_ONE}/files/batch/add", [_of("secret")]),
    post("bob", f"{_ONE}/files/batch/add", [_of("heron")], unordered=(*_FILES, "$.access_grants")),
    post("bob", f"{_ONE}/files/batch/add", [_of("heron", directory_id="nothing")]),
    post(
        "ada",
        f"{_ALL}/${{other}}/files/batch/add",
        [_of("heron"), _of("egret", directory_id="${elsewhere}")],
        unordered=_FILES,
    ),
    post("ada", f"{_ALL}/${{other}}/files/batch/add", [_of("twin")], unordered=_FILES),
    get("ada", f"{_ALL}/${{other}}/files", query={"order_by": "name"}),
    # Exported.
    refused("bob cy anonymous", "GET", f"{_ONE}/export"),
    get("ada", f"{_ONE}/export", ignore=("$",), why="an archive holds the time at which it was made"),
    # Taken out.
    post("bob", f"{_ONE}/file/remove", {}),
    post("bob", f"{_ONE}/file/remove", {"file_id": "nothing"}),
    post("bob", f"{_ONE}/file/remove", _of("raw")),
    post(
        "bob", f"{_ONE}/file/remove", _of("heron"), query={"delete_file": False}, unordered=(*_FILES, "$.access_grants")
    ),
    get("bob", "/api/v1/files/${heron}", ignore=("$",), why="files are compared by a scenario of their own"),
    post("bob", f"{_ONE}/file/remove", _of("egret"), unordered=(*_FILES, "$.access_grants")),
    get("bob", "/api/v1/files/${egret}"),
    post("bob", f"{_ONE}/file/remove", _of("crane"), unordered=(*_FILES, "$.access_grants")),
    get("cy", "/api/v1/files/${crane}", ignore=("$",), why="files are compared by a scenario of their own"),
    post("bob", f"{_ONE}/file/add", _of("heron"), unordered=(*_FILES, "$.access_grants")),
    # Emptied.
    post("bob", f"{_ONE}/reset", query={"include_directories": False}, unordered=("$.access_grants",)),
    get("bob", f"{_ONE}/files"),
    post("bob", f"{_ONE}/reset", unordered=("$.access_grants",)),
    get("bob", f"{_ONE}/files"),
    get("bob", "/api/v1/files/${heron}"),
    delete("bob", f"{_ONE}/delete"),
    delete("ada", f"{_ALL}/${{other}}/delete"),
    get("ada", f"{_ALL}/search/files"),
)
