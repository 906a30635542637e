"""Tool calls that wait for a decision: rejected, answered, already decided, in another user's chat."""

from typing import Any

from parity.chats import START, make_chat
from parity.steps import flatten_steps, get, post

_CHATS = "/api/v1/chats"
_CALL = "/api/v1/chats/${chat}/messages/a1/resolve"


def _make_call(call_id: str, name: str, **more: Any) -> dict[str, Any]:
    item = {"type": "function_call", "id": call_id, "call_id": call_id, "name": name, "arguments": "{}"}
    return {**item, "status": "pending", **more}


def _make_pending_chat(*items: Any) -> dict[str, Any]:
    chat = make_chat("Asked", ("Do it", ""), start=START)
    chat["history"]["messages"]["a1"] |= {"output": list(items), "done": False}
    return chat


STEPS = flatten_steps(
    post(
        "bob",
        f"{_CHATS}/new",
        {
            "chat": _make_pending_chat(
                _make_call("c1", "search"), _make_call("c2", "ask_user", status="queued"), _make_call("c3", "search")
            )
        },
        save={"chat": "$.id"},
    ),
    post("bob", _CALL, {"call_id": "none", "action": "reject"}),
    post("bob", _CALL, {"call_id": "c1", "action": "answer", "answers": {"x": 1}}),
    post("bob", _CALL, {"call_id": "c2", "action": "approve"}),
    post("bob", _CALL, {"call_id": "c2", "action": "answer"}),
    post("cy", _CALL, {"call_id": "c1", "action": "reject"}),
    post("ada", _CALL, {"call_id": "c1", "action": "reject"}),
    post("bob", _CALL, {"call_id": "c1", "action": "reject"}),
    post("bob", _CALL, {"call_id": "c1", "action": "reject"}),
    get("bob", f"{_CHATS}/${{chat}}"),
    post("bob", _CALL, {"call_id": "c2", "action": "answer", "answers": {"q": "Blue"}}),
    get("bob", f"{_CHATS}/${{chat}}"),
    post("bob", f"{_CHATS}/${{chat}}/fork", {}),
    post("bob", f"{_CHATS}/new", {"chat": _make_pending_chat({"type": "message"})}, save={"chat": "$.id"}),
    post("bob", _CALL, {"call_id": "c1", "action": "reject"}),
)
