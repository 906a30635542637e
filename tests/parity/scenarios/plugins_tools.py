"""Tools that clients of the API name: the specifications that models get, and calls by models that call none."""

from parity.probe_actions import TOOL
from parity.probe_pipes import MIRROR
from parity.probe_plugins import install_steps
from parity.steps import Step, flatten_steps, get, post

_ASK = "/api/chat/completions"
_LEGACY = {"function_calling": "legacy"}
_OWN = {"type": "function", "function": {"name": "own", "description": "Own", "parameters": {"type": "object"}}}
_NOT_COMPARED = {"ignore": ("$",), "why": "the records of plugins are compared elsewhere"}


def _ask(words: str, model: str = "mirror", who: str = "ada", **more: object) -> Step:
    return post(who, _ASK, {"model": model, "messages": [{"role": "user", "content": words}], **more})


STEPS = flatten_steps(
    install_steps("mirror", MIRROR),
    get("ada", "/api/models", query={"refresh": True}, **_NOT_COMPARED),
    post(
        "ada",
        "/api/v1/tools/create",
        {"id": "math", "name": "Math", "content": TOOL, "meta": {"description": "x"}},
        **_NOT_COMPARED,
    ),
    _ask("tools", tool_ids=["math"]),
    _ask("tools", tool_ids=["nothing"]),
    _ask("tools", tool_ids=["math"], tools=[_OWN]),
    _ask("tools", tool_ids=[]),
    _ask("call the tool", "demo-small", tool_ids=["math"]),
    _ask("call the tool", "demo-small", tool_ids=["math"], stream=True),
    _ask("tools", tool_ids=["math"], params=_LEGACY),
    post(
        "ada",
        _ASK,
        {
            "model": "demo-small",
            "messages": [{"role": "user", "content": '{"name": "add", "parameters": {"a": 1}}'}],
            "tool_ids": ["math"],
            "params": _LEGACY,
        },
        ignore=("$.choices[0].message.content", "$.usage"),
        why="the answer quotes the template of sources, which is our own",
    ),
)
