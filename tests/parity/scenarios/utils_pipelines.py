"""Utilities for administrators: code formatting, the database as a file; pipelines of a server without any."""

from parity.steps import delete, flatten_steps, get, post, refused_steps

_UTILS = "/api/v1/utils"
_PIPELINES = "/api/v1/pipelines"
_FILE = ["pipe.py", "x = 1\n", "text/x-python"]

STEPS = flatten_steps(
    post("ada", f"{_UTILS}/code/format", {"code": "x = {  'a':1 }\ndef f( a ):\n  return   a"}),
    post("ada", f"{_UTILS}/code/format", {"code": "x = 1\n"}),
    post("ada", f"{_UTILS}/code/format", {"code": ""}),
    post("ada", f"{_UTILS}/code/format", {"code": "def f(:\n"}, ignore=("$.detail",), why="names a Python version"),
    post("ada", f"{_UTILS}/code/format", {}),
    post("ada", f"{_UTILS}/code/format", {"code": 1}),
    refused_steps("anonymous pending bob", "POST", f"{_UTILS}/code/format", {"code": "x=1"}),
    refused_steps("anonymous pending bob", "GET", f"{_UTILS}/db/download"),
    # Pipelines.
    get("ada", f"{_PIPELINES}/list"),
    refused_steps("anonymous pending bob", "GET", f"{_PIPELINES}/list"),
    get("ada", f"{_PIPELINES}/", query={"urlIdx": 0}),
    get("ada", f"{_PIPELINES}/", query={"urlIdx": 7}),
    get("ada", f"{_PIPELINES}/"),
    get("ada", f"{_PIPELINES}/", query={"urlIdx": "x"}),
    refused_steps("anonymous pending bob", "GET", f"{_PIPELINES}/", query={"urlIdx": 0}),
    post("ada", f"{_PIPELINES}/add", {"url": "https://example.com/pipe.py", "urlIdx": 0}),
    post("ada", f"{_PIPELINES}/add", {"url": "https://example.com/pipe.py", "urlIdx": 7}),
    post("ada", f"{_PIPELINES}/add", {"url": 1}),
    refused_steps(
        "anonymous pending bob", "POST", f"{_PIPELINES}/add", {"url": "https://example.com/pipe.py", "urlIdx": 0}
    ),
    post("ada", f"{_PIPELINES}/upload", form={"urlIdx": "0", "file": _FILE}),
    post("ada", f"{_PIPELINES}/upload", form={"urlIdx": "7", "file": _FILE}),
    post("ada", f"{_PIPELINES}/upload", form={"urlIdx": "0", "file": ["pipe.txt", "x", "text/plain"]}),
    post("ada", f"{_PIPELINES}/upload", form={"urlIdx": "x", "file": _FILE}),
    post("ada", f"{_PIPELINES}/upload", form={"urlIdx": "0"}),
    post("ada", f"{_PIPELINES}/upload", form={"urlIdx": "0", "file": "text"}),
    refused_steps("anonymous pending bob", "POST", f"{_PIPELINES}/upload", form={"urlIdx": "0", "file": _FILE}),
    delete("ada", f"{_PIPELINES}/delete", {"id": "pipe", "urlIdx": 0}),
    delete("ada", f"{_PIPELINES}/delete", {"id": "pipe"}),
    refused_steps("anonymous pending bob", "DELETE", f"{_PIPELINES}/delete", {"id": "pipe", "urlIdx": 0}),
    get("ada", f"{_PIPELINES}/pipe/valves", query={"urlIdx": 0}),
    get("ada", f"{_PIPELINES}/pipe/valves"),
    refused_steps("anonymous pending bob", "GET", f"{_PIPELINES}/pipe/valves", query={"urlIdx": 0}),
    get("ada", f"{_PIPELINES}/pipe/valves/spec", query={"urlIdx": 0}),
    refused_steps("anonymous pending bob", "GET", f"{_PIPELINES}/pipe/valves/spec", query={"urlIdx": 0}),
    post("ada", f"{_PIPELINES}/pipe/valves/update", {"a": 1}, query={"urlIdx": 0}),
    post("ada", f"{_PIPELINES}/pipe/valves/update", [], query={"urlIdx": 0}),
    refused_steps("anonymous pending bob", "POST", f"{_PIPELINES}/pipe/valves/update", {"a": 1}, query={"urlIdx": 0}),
)
