"""A user's own use of models: days, weeks, streaks, tokens, tools, in a past period and in a time zone."""

from typing import Any

from parity.chats import START, make_import_item
from parity.steps import flatten_steps, get, post, refused_steps

_USAGE = "/api/v1/users/usage"
_DAY = 86400


def _make_usage_chat(at: int, usage: dict[str, Any] | None = None, **answer: Any) -> dict[str, Any]:
    chat = make_import_item(f"Chat of {at}", ("How much?", "So much."), ("And now?", "More."), at=at)
    chat["chat"]["history"]["messages"]["a1"].update({"usage": usage} if usage else {}, **answer)
    return chat


_CHATS = [
    _make_usage_chat(START, {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}),
    _make_usage_chat(START + 3 * 3600, {"input_tokens": 100, "output_tokens": 50}),
    _make_usage_chat(START + _DAY, {"prompt_tokens": 1, "completion_tokens": 2}, model="demo-large"),
    _make_usage_chat(
        START + 4 * _DAY,
        output=[
            {"type": "function_call", "name": "search", "arguments": "{}"},
            {"type": "function_call_output", "output": [{"type": "input_text", "text": "x"}]},
            {"type": "function_call", "name": "search", "arguments": "{}"},
            {"type": "function_call", "name": "read", "arguments": "{}"},
        ],
    ),
]
_PERIOD = {"start_date": START - _DAY, "end_date": START + 6 * _DAY}

STEPS = flatten_steps(
    get("bob", _USAGE, query=_PERIOD),
    post("bob", "/api/v1/chats/import", {"chats": _CHATS}),
    get("bob", _USAGE, query=_PERIOD),
    post("bob", "/api/v1/auths/update/timezone", {"timezone": "Pacific/Auckland"}),
    get("bob", _USAGE, query=_PERIOD),
    post("bob", "/api/v1/auths/update/timezone", {"timezone": "Nowhere/At all"}),
    get("bob", _USAGE, query={"start_date": START, "end_date": START}),
    get("bob", _USAGE, query={"end_date": START + 6 * _DAY, "days": 7}),
    get("bob", _USAGE, query={"days": 6}),
    get("bob", _USAGE, query={"days": 733}),
    get("bob", _USAGE, query={"days": "x", "start_date": "y"}),
    get("bob", _USAGE, query={"start_date": START, "end_date": START - 1}),
    get("cy", _USAGE, query=_PERIOD),
    refused_steps("anonymous pending", "GET", _USAGE),
)
