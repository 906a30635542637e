"""Incomplete chats: without links, without a current message, with a list alone; messages of models and tools."""

from typing import Any

from parity.chats import START, make_import_item
from parity.steps import delete, flatten_steps, get, post

_CHATS = "/api/v1/chats"


def _make_message(message_id: str, role: str, parent: str | None, content: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": message_id,
        "parentId": parent,
        "childrenIds": [],
        "role": role,
        "content": content,
        "timestamp": START + int(message_id[1:]),
        **more,
    }


def _make_item(title: str, *messages: dict[str, Any], current: str | None = None, **more: Any) -> dict[str, Any]:
    history = {"messages": {message["id"]: message for message in messages}, "currentId": current}
    return {"chat": {"title": title, "history": history, **more}, "created_at": START, "updated_at": START}


_ITEMS = [
    # Parents do not list their children; the chat opens at its first message.
    _make_item(
        "Unlinked", _make_message("m1", "user", None, "A?"), _make_message("m2", "assistant", "m1", "A."), current="m1"
    ),
    _make_item(
        "Nowhere",
        _make_message("m1", "user", None, "B?", childrenIds=["m2"]),
        _make_message("m2", "assistant", "m1", "B."),
        _make_message("m3", "assistant", "m1", "B!"),
        current="gone",
    ),
    _make_item(
        "Spoken",
        _make_message(
            "m1", "user", None, [{"type": "text", "text": "C?"}, {"type": "image_url", "image_url": {"url": "x"}}]
        ),
        _make_message(
            "m2",
            "assistant",
            "m1",
            "C.",
            model="demo-small",
            usage={"prompt_tokens": 3, "completion_tokens": 4},
            annotation={"rating": 1, "tags": ["right"]},
            statusHistory=[{"description": "Looked"}],
            sources=[{"source": {"name": "x"}}],
            files=[{"type": "file", "id": "f"}],
            embeds=["<p>"],
            error={"content": "no"},
            meta={"task_id": "t", "voice": {"id": "v"}},
            contextSummary="C was asked.",
            followUps=["D?"],
            done=False,
        ),
        current="m2",
        models=["demo-small"],
        params={"temperature": 1},
    ),
    {"chat": {"title": "List", "messages": [{"id": "l1", "role": "user", "content": "D?"}]}, "updated_at": START},
    {"chat": {"title": "Bare", "history": {}}, "updated_at": START},
    {"chat": {"title": "Nulls", "history": {"messages": {}, "currentId": None}, "params": None}, "updated_at": START},
]
_NAMES = ("unlinked", "nowhere", "spoken", "list", "bare", "nulls")

STEPS = flatten_steps(
    post(
        "bob",
        f"{_CHATS}/import",
        {"chats": _ITEMS},
        save={name: f"$[{index}].id" for index, name in enumerate(_NAMES)},
    ),
    *[get("bob", f"{_CHATS}/${{{name}}}") for name in _NAMES],
    *[get("bob", f"{_CHATS}/stats/export/${{{name}}}") for name in _NAMES[:4]],
    get("bob", f"{_CHATS}/stats/usage", unordered=("$.items",)),
    *[post("bob", f"{_CHATS}/${{{name}}}/fork", pause=0.0) for name in _NAMES],
    *[post("bob", f"{_CHATS}/${{{name}}}/compact", {}) for name in _NAMES],
    post("bob", f"{_CHATS}/${{unlinked}}/messages/m1", {"content": "A, then?"}),
    post("bob", f"{_CHATS}/${{nowhere}}/messages/m3", {"content": "B!!"}),
    delete("bob", f"{_CHATS}/${{nowhere}}/messages/m2"),
    get("bob", f"{_CHATS}/${{nowhere}}"),
    post("bob", f"{_CHATS}/${{nowhere}}/fork"),
    delete("bob", f"{_CHATS}/${{nowhere}}/messages/m1"),
    get("bob", f"{_CHATS}/${{nowhere}}"),
    post("bob", f"{_CHATS}/${{list}}/messages/l1", {"content": "D, please?"}),
    delete("bob", f"{_CHATS}/${{list}}/messages/l1"),
    get("bob", f"{_CHATS}/${{list}}"),
    post("bob", f"{_CHATS}/${{bare}}/messages/n1", {"content": "New"}),
    get("bob", f"{_CHATS}/${{bare}}"),
    post("bob", f"{_CHATS}/${{spoken}}/clone", {}),
    # Events, as tools and filters send them.
    *[
        post("bob", f"{_CHATS}/${{spoken}}/messages/m2/event", {"type": kind, "data": data})
        for kind, data in (
            ("status", {"description": "Looking again", "done": True}),
            ("message", {"content": " More."}),
            ("files", {"files": [{"type": "file", "id": "g"}]}),
            ("embeds", {"embeds": ["<b>"]}),
            ("embeds", {"embeds": ["<i>"], "replace": True}),
            ("source", {"source": {"name": "y"}}),
            ("citation", {"source": {"name": "z"}, "type": "code_execution"}),
            ("chat:message:follow_ups", {"follow_ups": ["E?"]}),
            ("notification", {"content": "Hello"}),
        )
    ],
    get("bob", f"{_CHATS}/${{spoken}}"),
    post("bob", f"{_CHATS}/${{spoken}}/messages/gone/event", {"type": "status", "data": {"description": "x"}}),
    post("bob", f"{_CHATS}/${{spoken}}/messages/gone/event", {"type": "message", "data": {"content": "x"}}),
    # A page saves an older copy of the chat: messages written meanwhile remain.
    post(
        "bob",
        f"{_CHATS}/${{unlinked}}",
        {"chat": {"history": {"messages": {"m3": _make_message("m3", "user", "m2", "And?")}, "currentId": "m3"}}},
    ),
    post("bob", f"{_CHATS}/${{unlinked}}", {"chat": {"title": "Linked", "tags": ["x"], "history": {}}}),
    post(
        "bob",
        f"{_CHATS}/import",
        {"chats": [make_import_item("Again", ("?", "!"), at=START, meta={"tags": ["a", "b"]})]},
    ),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
)
