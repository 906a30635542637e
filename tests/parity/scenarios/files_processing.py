"""Files that are read: their texts, how far that is, what fails, what comes into knowledge with them."""

from parity.steps import Merged, flat, get, post, refused

_FILES = "/api/v1/files"
_ONE = f"{_FILES}/${{file}}"
_PROCESS = "/api/v1/retrieval/process"
_CONFIG = "/api/v1/retrieval/config"
_WAITING = {"process_in_background": False}


def _upload(who: str, file: list, metadata: str | None = None, **more):
    form = {"file": file} | ({} if metadata is None else {"metadata": metadata})
    return post(who, f"{_FILES}/", form=form, **{"query": _WAITING, **more})


def _text(name: str, text: str = "Herons fish in the shallows.") -> list:
    return [name, text, "text/plain"]


def _seen(file: str = "${file}", who: str = "bob"):
    """What the file says of itself."""
    return flat(
        get(who, f"{_FILES}/{file}"),
        get(who, f"{_FILES}/{file}/process/status"),
        get(who, f"{_FILES}/{file}/process/status", query={"stream": True}),
    )


STEPS = flat(
    _upload("bob", _text("a.txt"), save={"file": "$.id"}),
    _seen(),
    get("bob", f"{_ONE}/data/content"),
    get("bob", f"{_FILES}/"),
    get("bob", f"{_FILES}/", query={"content": False}),
    get("bob", f"{_FILES}/search", query={"filename": "a*", "content": False}),
    _upload("bob", ["a.png", b"\x89PNG\x00\x00", "image/png"], save={"picture": "$.id"}),
    _seen("${picture}"),
    _upload("bob", ["a.mp4", b"\x00\x00film", "video/mp4"], save={"film": "$.id"}),
    _seen("${film}"),
    _upload("bob", ["a.ts", "const leg = 1;", "video/mp2t"], save={"program": "$.id"}),
    _seen("${program}"),
    _upload("bob", _text("blank.txt", " \n "), save={"blank": "$.id"}),
    _seen("${blank}"),
    # Another text.
    post("bob", f"{_ONE}/data/content/update", {"content": "Storks clap."}),
    post("bob", f"{_ONE}/data/content/update", {"content": "  "}),
    post("bob", f"{_ONE}/data/content/update", {}),
    _seen(),
    # Limits.
    post(
        "ada", f"{_CONFIG}/update", {"FILE_MAX_SIZE": 1, "ALLOWED_FILE_EXTENSIONS": ["txt"]}, ignore=("$",), why="all"
    ),
    _upload("bob", _text("a.exe")),
    _upload("bob", _text("no ending")),
    _upload("bob", _text("a.exe"), query={"process": False}),
    _upload("bob", _text("large.txt", "x" * (1024 * 1024 + 1))),
    post("bob", f"{_ONE}/data/content/update", {"content": "x" * (1024 * 1024 + 1)}),
    post("ada", f"{_CONFIG}/update", {"FILE_MAX_SIZE": "", "ALLOWED_FILE_EXTENSIONS": []}, ignore=("$",), why="all"),
    # Read when asked for.
    _upload("bob", _text("b.txt", "Storks clap<br/>twice."), query={"process": False}, save={"kept": "$.id"}),
    refused("anonymous pending cy", "POST", f"{_PROCESS}/file", {"file_id": "${kept}"}),
    post("bob", f"{_PROCESS}/file", {"file_id": "nothing"}),
    post("bob", f"{_PROCESS}/file", {}),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}"}),
    _seen("${kept}"),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}", "content": "Cranes<br/>dance."}),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}"}),
    # Into knowledge.
    post("ada", "/api/v1/knowledge/create", {"name": "Birds", "description": ""}, save={"knowledge": "$.id"}),
    post("bob", f"{_PROCESS}/file", {"file_id": "${kept}", "collection_name": "${knowledge}"}),
    post("ada", f"{_PROCESS}/file", {"file_id": "${kept}", "collection_name": "${knowledge}"}),
    get("ada", f"{_FILES}/${{kept}}"),
    _upload("bob", _text("c.txt", "Not Bob's to put there."), '{"knowledge_id": "${knowledge}"}', save={"not": "$.id"}),
    _seen("${not}"),
    _upload("ada", _text("d.txt", "Ibises probe."), '{"knowledge_id": "${knowledge}"}', save={"own": "$.id"}),
    _seen("${own}", "ada"),
    _upload("ada", _text("e.txt", "Ibises probe."), '{"knowledge_id": "${knowledge}"}', save={"twin": "$.id"}),
    _seen("${twin}", "ada"),
    get("ada", "/api/v1/knowledge/${knowledge}/files", unordered=("$.items",)),
    post("ada", f"{_FILES}/${{own}}/data/content/update", {"content": "Ibises fly."}),
    # Many at once.
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
    refused("anonymous pending", "POST", f"{_PROCESS}/files/batch", {"collection_name": "x", "files": []}),
    # Without embedding.
    post("ada", f"{_CONFIG}/update", {"BYPASS_EMBEDDING_AND_RETRIEVAL": True}, ignore=("$",), why="all"),
    _upload("bob", _text("f.txt", "Kept alone."), save={"alone": "$.id"}),
    _seen("${alone}"),
)
