"""Tool calls that wait for a decision: rejected, answered, decided on before, not one's own."""

from typing import Any

from parity.chats import START, talk
from parity.steps import flat, get, post

_CHATS = "/api/v1/chats"
_CALL = "/api/v1/chats/${chat}/messages/a1/resolve"


def _call(call_id: str, name: str, **more: Any) -> dict[str, Any]:
    item = {"type": "function_call", "id": call_id, "call_id": call_id, "name": name, "arguments": "{}"}
    return {**item, "status": "pending", **more}


def _talk(*items: Any) -> dict[str, Any]:
    chat = talk("Asked", ("Do it", ""), start=START)
    chat["history"]["messages"]["a1"] |= {"output": list(items), "done": False}
    return chat


STEPS = flat(
    post(
        "bob",
        f"{_CHATS}/new",
        {"chat": _talk(_call("c1", "search"), _call("c2", "ask_user", status="queued"), _call("c3", "search"))},
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
    post("bob", f"{_CHATS}/new", {"chat": _talk({"type": "message"})}, save={"chat": "$.id"}),
    post("bob", _CALL, {"call_id": "c1", "action": "reject"}),
)
