"""Directories of a knowledge, and their synchronisation with an external folder."""

from parity.steps import delete, flatten_steps, get, post

_ALL = "/api/v1/knowledge"
_ONE = f"{_ALL}/${{knowledge}}"


def _upload_file(saved: str, text: str):
    return post(
        "ada", "/api/v1/files/", form={"file": [f"{saved}.txt", text, "text/plain"],
        "metadata": '{"file_hash": "sum-' + saved + '"}'},
        query={"process": True, "process_in_background": False}, save={saved: "$.id"}, pause=1.05,
        ignore=("$",), why="uploads are compared by a scenario of their own",
    )  # fmt: skip


def _add_file(name: str, directory: str | None = None):
    body = {"file_id": f"${{{name}}}", **({"directory_id": f"${{{directory}}}"} if directory else {})}
    return post("ada", f"{_ONE}/file/add", body, unordered=("$.files",), pause=1.05)


def _create_directory(name: str, saved: str, parent: str | None = None):
    body = {"name": name, **({"parent_id": f"${{{parent}}}"} if parent else {})}
    return post("ada", f"{_ONE}/dirs/create", body, save={saved: "$.id"})


def _make_entry(path: str, name: str, checksum: str | None = None):
    return {"filename": f"{name}.txt", "path": path, "checksum": checksum or f"sum-{name}", "size": 1}


STEPS = flatten_steps(
    post("ada", f"{_ALL}/create", {"name": "Birds", "description": "d"}, save={"knowledge": "$.id"}),
    post("ada", f"{_ALL}/create", {"name": "Other", "description": "d"}, save={"other": "$.id"}),
    post("ada", f"{_ALL}/${{other}}/dirs/create", {"name": "Elsewhere"}, save={"elsewhere": "$.id"}),
    post("ada", f"{_ONE}/dirs/create", {}),
    post("ada", f"{_ONE}/dirs/create", {"name": None, "parent_id": 1}),
    _create_directory("Water", "water"),
    _create_directory("Small", "small", "water"),
    _create_directory("Tiny", "tiny", "small"),
    _create_directory("Dry", "dry"),
    post("ada", f"{_ONE}/dirs/create", {"name": "Small", "parent_id": "${water}"}),
    post("ada", f"{_ONE}/dirs/create", {"name": "x", "parent_id": "nothing"}),
    post("ada", f"{_ONE}/dirs/create", {"name": "x", "parent_id": "${elsewhere}"}),
    # Renamed and moved.
    post("ada", f"{_ONE}/dirs/nothing/update", {"name": "x"}),
    post("ada", f"{_ONE}/dirs/${{elsewhere}}/update", {"name": "x"}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"name": 1}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"name": "Desert"}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"parent_id": "nothing"}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"parent_id": "${elsewhere}"}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"parent_id": "${water}"}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"name": "Small"}),
    post("ada", f"{_ONE}/dirs/${{dry}}/update", {"parent_id": None, "name": "Dry"}),
    post("ada", f"{_ONE}/dirs/${{water}}/update", {"parent_id": "${tiny}"}),
    post("ada", f"{_ONE}/dirs/${{water}}/update", {"parent_id": "${water}"}),
    # With files.
    _upload_file("a", "First."),
    _upload_file("b", "Second."),
    _upload_file("c", "Third."),
    _upload_file("d", "Fourth."),
    _add_file("a"),
    _add_file("b", "small"),
    _add_file("c", "tiny"),
    _add_file("d", "dry"),
    get("ada", f"{_ONE}/files", query={"order_by": "name", "direction": "asc"}),
    get("ada", f"{_ONE}/files", query={"directory_id": "", "order_by": "name", "direction": "asc"}),
    get("ada", f"{_ONE}/files", query={"directory_id": "${tiny}"}),
    get("ada", f"{_ONE}/files", query={"directory_id": "${water}"}),
    # Synchronised with a folder.
    post("ada", f"{_ONE}/sync/diff", {}),
    post("ada", f"{_ONE}/sync/diff", {"manifest": [{"filename": "x"}]}),
    post("ada", f"{_ONE}/sync/diff", {"manifest": []}, ignore=("$.rmdir",), why="a set, in the order of its hashes"),
    post(
        "ada",
        f"{_ONE}/sync/diff",
        {
            "manifest": [
                _make_entry("", "a"),
                _make_entry("Water/Small", "b", "changed"),
                _make_entry("Water/Small/Tiny", "new"),
                _make_entry("Very/New/Folder", "newer"),
                _make_entry("Very", "newest"),
                _make_entry("Dry", "d"),
                _make_entry("Dry", "d"),
            ]
        },
        unordered=("$.deleted", "$.rmdir"),
    ),
    post("ada", f"{_ONE}/sync/cleanup", {}),
    post("ada", f"{_ONE}/sync/cleanup", {"file_ids": ["nothing"], "dir_ids": ["nothing", "${elsewhere}"]}),
    post("ada", f"{_ONE}/sync/cleanup", {"file_ids": ["${d}"], "dir_ids": ["${dry}"]}),
    get("ada", "/api/v1/files/${d}"),
    get("ada", f"{_ONE}/files", query={"directory_id": ""}),
    # Deletion: the content moves up, or is deleted too.
    delete("ada", f"{_ONE}/dirs/nothing/delete"),
    delete("ada", f"{_ONE}/dirs/${{elsewhere}}/delete"),
    delete("ada", f"{_ONE}/dirs/${{tiny}}/delete", query={"move_files": "perhaps"}),
    delete("ada", f"{_ONE}/dirs/${{tiny}}/delete"),
    get("ada", f"{_ONE}/files", query={"directory_id": "${small}", "order_by": "name"}),
    delete("ada", f"{_ONE}/dirs/${{small}}/delete", query={"move_files": False}, unordered=("$.file_ids",)),
    get("ada", f"{_ONE}/files", query={"order_by": "name"}),
    get("ada", "/api/v1/files/${b}"),
    delete("ada", f"{_ONE}/dirs/${{water}}/delete"),
    get("ada", f"{_ONE}/files", query={"directory_id": ""}),
)
