"""Files: uploaded, listed, searched, counted, served, renamed, deleted, by users with and without access."""

from parity.steps import NOTHING, delete, flatten_steps, get, post, refused_steps

_FILES = "/api/v1/files"
_ONE = f"{_FILES}/${{file}}"
_TEXT = ["a heron.txt", "Herons fish.", "text/plain"]
_KEPT = {"process": False}


def _upload_file(who: str, file: list[str] | None = None, metadata: str | None = None, **more):
    form = {"file": file or _TEXT} | ({} if metadata is None else {"metadata": metadata})
    return post(who, f"{_FILES}/", form=form, **more)


def _request_everything(who: str, file_url: str = _ONE):
    """Request every operation on one file, by users who may perform none of them."""
    return flatten_steps(
        [
            step
            for method, path, body in (
                ("GET", "", NOTHING),
                ("GET", "/process/status", NOTHING),
                ("GET", "/process/status?stream=true", NOTHING),
                ("GET", "/data/content", NOTHING),
                ("POST", "/data/content/update", {"content": "Mine."}),
                ("GET", "/content", NOTHING),
                ("GET", "/content/html", NOTHING),
                ("GET", "/content/a.txt", NOTHING),
                ("POST", "/rename", {"filename": "mine.txt"}),
                ("DELETE", "", NOTHING),
            )
            for step in refused_steps(who, method, file_url + path, body)
        ]
    )


STEPS = flatten_steps(
    [_upload_file(who, query=_KEPT) for who in ("anonymous", "pending")],
    post("bob", f"{_FILES}/", {"file": "text"}),
    post("bob", f"{_FILES}/", form={"other": ["a.txt", "x", "text/plain"]}),
    post("bob", f"{_FILES}/", form={"file": "text", "other": ["a.txt", "x", "text/plain"]}),
    _upload_file("bob", metadata="{no json", query=_KEPT),
    _upload_file("bob", metadata="[1]", query=_KEPT),
    _upload_file("bob", ["empty.txt", "", "text/plain"], query=_KEPT),
    post("bob", f"{_FILES}/", form={"file": _TEXT}, query={"process": "perhaps"}),
    # Stored without processing.
    _upload_file("bob", query=_KEPT, save={"file": "$.id"}),
    _upload_file(
        "bob", ["b.html", "<p>Herons</p>", "text/html"], '{"from": "a test"}', query=_KEPT, save={"page": "$.id"}
    ),
    _upload_file("ada", ["c.html", "<p>Storks</p>", "text/html"], "null", query=_KEPT, save={"own": "$.id"}, pause=1.1),
    _upload_file(
        "bob", ["d.PDF", "%PDF-1.4", "application/octet-stream"], query=_KEPT, save={"pdf": "$.id"}, pause=1.1
    ),
    _upload_file("bob", ["../up/e", "no ending", "application/x-thing"], query=_KEPT, save={"bare": "$.id"}, pause=1.1),
    _request_everything("cy pending anonymous"),
    _request_everything("bob", f"{_FILES}/nothing"),
    # Lists.
    get("bob", f"{_FILES}/", query={"content": False}, unordered=("$.items",)),
    get("bob", f"{_FILES}/", query={"page": 2}),
    get("bob", f"{_FILES}/", query={"page": 0}),
    get("ada", f"{_FILES}/", unordered=("$.items",)),
    get("cy", f"{_FILES}/"),
    [get(who, f"{_FILES}/{path}") for who in ("ada", "bob", "anonymous") for path in ("count", "user/count")],
    get("bob", f"{_FILES}/search", query={"filename": "*.HTML"}),
    get("ada", f"{_FILES}/search", query={"filename": "?.html", "content": False}, unordered=("$",)),
    get("bob", f"{_FILES}/search", query={"filename": "nothing*"}),
    get("bob", f"{_FILES}/search"),
    get("bob", f"{_FILES}/search", query={"filename": "*", "limit": 0, "skip": -1}),
    get("cy", f"{_FILES}/search", query={"filename": "*"}),
    get("anonymous", f"{_FILES}/search", query={"filename": "*"}),
    get("ada", f"{_FILES}/user/search"),
    get("bob", f"{_FILES}/user/search", query={"filename": "*heron*"}),
    get("cy", f"{_FILES}/user/search"),
    get("bob", f"{_FILES}/user/search", query={"limit": 1001}),
    get("anonymous", f"{_FILES}/user/search"),
    # A single file.
    get("bob", _ONE),
    get("ada", _ONE),
    get("bob", f"{_ONE}/process/status"),
    get("bob", f"{_ONE}/process/status", query={"stream": True}),
    get("bob", f"{_ONE}/data/content"),
    get("bob", f"{_ONE}/content"),
    get("bob", f"{_ONE}/content", query={"attachment": True}),
    get("bob", f"{_ONE}/content", headers={"range": "bytes=2-5"}),
    get("bob", f"{_ONE}/content", headers={"range": "bytes=50-"}),
    get("bob", f"{_ONE}/content/any name.txt"),
    [get("bob", f"{_FILES}/{file_id}/content") for file_id in ("${page}", "${pdf}", "${bare}")],
    [get("bob", f"{_FILES}/{file_id}/content/x") for file_id in ("${page}", "${pdf}", "${bare}")],
    get("bob", f"{_FILES}/${{page}}/content/html"),
    get("ada", f"{_FILES}/${{page}}/content/html"),
    get("ada", f"{_FILES}/${{own}}/content/html"),
    get("bob", f"{_FILES}/${{own}}/content/html"),
    post("bob", f"{_ONE}/rename", {"filename": "storks.txt"}),
    post("bob", f"{_ONE}/rename", {"name": "storks.txt"}),
    post("ada", f"{_ONE}/rename", {"filename": "storks two.txt"}),
    get("bob", f"{_ONE}/content/x"),
    # Deletion.
    delete("bob", _ONE),
    get("bob", _ONE),
    delete("bob", _ONE),
    delete("ada", f"{_FILES}/${{pdf}}"),
    refused_steps("anonymous pending bob", "DELETE", f"{_FILES}/all"),
    delete("ada", f"{_FILES}/all"),
    get("ada", f"{_FILES}/"),
)
