"""Processing of files: their texts, progress, failures, and the way into knowledge."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_FILES = "/api/v1/files"
_ONE = f"{_FILES}/${{file}}"
_PROCESS = "/api/v1/retrieval/process"
_CONFIG = "/api/v1/retrieval/config"
_WAITING = {"process_in_background": False}


def _upload_file(who: str, file: list, metadata: str | None = None, **more):
    form = {"file": file} | ({} if metadata is None else {"metadata": metadata})
    return post(who, f"{_FILES}/", form=form, **{"query": _WAITING, **more})


def _make_file(name: str, text: str = "Herons fish in the shallows.") -> list:
    return [name, text, "text/plain"]


def _read_file(file: str = "${file}", who: str = "bob"):
    """Read the file and its processing status."""
    return flatten_steps(
        get(who, f"{_FILES}/{file}"),
        get(who, f"{_FILES}/{file}/process/status"),
        get(who, f"{_FILES}/{file}/process/status", query={"stream": True}),
    )


STEPS = flatten_steps(
    _upload_file("bob", _make_file("a.txt"), save={"file": "$.id"}),
    _read_file(),
    get("bob", f"{_ONE}/data/content"),
    get("bob", f"{_FILES}/"),
    get("bob", f"{_FILES}/", query={"content": False}),
    get("bob", f"{_FILES}/search", query={"filename": "a*", "content": False}),
    _upload_file("bob", ["a.png", b"\x89PNG\x00\x00", "image/png"], save={"picture": "$.id"}),
    _read_file("${picture}"),
    _upload_file("bob", ["a.mp4", b"\x00\x00film", "video/mp4"], save={"film": "$.id"}),
    _read_file("${film}"),
    _upload_file("bob", ["a.ts", "const leg = 1;", "video/mp2t"], save={"program": "$.id"}),
    _read_file("${program}"),
    _upload_file("bob", _make_file("blank.txt", " \n "), save={"blank": "$.id"}),
    _read_file("${blank}"),
    # Another text.
    post("bob", f"{_ONE}/data/content/update", {"content": "Storks clap."}),
    post("bob", f"{_ONE}/data/content/update", {"content": "  "}),
    post("bob", f"{_ONE}/data/content/update", {}),
    _read_file(),
    # Limits.
    post(
        "ada", f"{_CONFIG}/update", {"FILE_MAX_SIZE": 1, "ALLOWED_FILE_EXTENSIONS": ["txt"]}, ignore=("$",), why="all"
    ),
    _upload_file("bob", _make_file("a.exe")),
    _upload_file("bob", _make_file("no ending")),
    _upload_file("bob", _make_file("a.exe"), query={"process": False}),
    _upload_file("bob", _make_file("large.txt", "x" * (1024 * 1024 + 1))),
    post("bob", f"{_ONE}/data/content/update", {"content": "x" * (1024 * 1024 + 1)}),
    post("ada", f"{_CONFIG}/update", {"FILE_MAX_SIZE": "", "ALLOWED_FILE_EXTENSIONS": []}, ignore=("$",), why="all"),
    # Processed on request.
    _upload_file("bob", _make_file("b.txt", "Storks clap<br/>twice."), query={"process": False}, save={"kept": "$.id"}),
    refused_steps("anonymous pending cy", "POST", f"{_PROCESS}/file", {"file_id": "${kept}"}),
    post("bob", f"{_PROCESS}/file", {"file_id": "nothing"}),
    post("bob", f"{_PROCESS}/file", {}),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}"}),
    _read_file("${kept}"),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}", "content": "Cranes<br/>dance."}),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}"}),
    # Into knowledge.
    post("ada", "/api/v1/knowledge/create", {"name": "Birds", "description": ""}, save={"knowledge": "$.id"}),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}", "collection_name": "${knowledge}"}),
    post("ada", f"{_PROCESS}/file", {"file_id": "${kept}", "collection_name": "${knowledge}"}),
    get("ada", f"{_FILES}/${{kept}}"),
    _upload_file(
        "bob", _make_file("c.txt", "Not Bob's to put there."), '{"knowledge_id": "${knowledge}"}', save={"not": "$.id"}
    ),
    _read_file("${not}"),
    _upload_file("ada", _make_file("d.txt", "Ibises probe."), '{"knowledge_id": "${knowledge}"}', save={"own": "$.id"}),
    _read_file("${own}", "ada"),
    _upload_file(
        "ada", _make_file("e.txt", "Ibises probe."), '{"knowledge_id": "${knowledge}"}', save={"twin": "$.id"}
    ),
    _read_file("${twin}", "ada"),
    get("ada", "/api/v1/knowledge/${knowledge}/files", unordered=("$.items",)),
    post("ada", f"{_FILES}/${{own}}/data/content/update", {"content": "Ibises fly."}),
    # Batches.
    get("ada", f"{_FILES}/${{own}}", save={"whole": "$"}),
    get("bob", f"{_FILES}/${{kept}}", save={"theirs": "$"}),
    post(
        "bob",
        f"{_PROCESS}/files/batch",
        {
            "collection_name": "file-${kept}",
            "files": [
                Merged("${theirs}", {"data": {"content": "Terns dive."}}),
                Merged("${theirs}", {"data": {"content": "Terns dive."}, "id": "nothing"}),
                Merged("${whole}", {"data": {"content": "Gulls steal."}}),
            ],
        },
    ),
    post("bob", f"{_PROCESS}/files/batch", {"collection_name": "${knowledge}", "files": []}),
    post("bob", f"{_PROCESS}/files/batch", {"collection_name": "file-${kept}", "files": []}),
    post("bob", f"{_PROCESS}/files/batch", {"files": [{}]}),
    refused_steps("anonymous pending", "POST", f"{_PROCESS}/files/batch", {"collection_name": "x", "files": []}),
    # Without embedding.
    post("ada", f"{_CONFIG}/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": True}, ignore=("$",), why="all"),
    _upload_file("bob", _make_file("f.txt", "Kept alone."), save={"alone": "$.id"}),
    _read_file("${alone}"),
)
