"""One chat: created, read, changed, pinned, archived, tagged, cloned, forked, deleted."""

from parity.chats import make_chat
from parity.steps import delete, flatten_steps, get, patch, post

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"
_TALK = make_chat("Tea", ("How long does green tea steep?", "Two minutes."), ("And black?", "Four minutes."))

STEPS = flatten_steps(
    post("bob", f"{_CHATS}/new", {"chat": _TALK}, save={"chat": "$.id", "body": "$.chat"}),
    get("bob", _ONE),
    get("bob", f"{_CHATS}/"),
    get("bob", f"{_CHATS}/list"),
    get("bob", f"{_CHATS}/", query={"page": 1}),
    get("bob", f"{_CHATS}/", query={"page": 2}),
    post("bob", _ONE, {"chat": {"title": "Green tea"}}, pause=1.1),
    post("bob", _ONE, {"chat": {"models": ["demo-large"], "files": []}, "variables": {"CITY": "Berlin"}}),
    get("bob", _ONE),
    patch("bob", f"{_ONE}/params", {"temperature": 0.5}),
    patch("bob", f"{_ONE}/params", {"temperature": None, "seed": 1}),
    patch("bob", f"{_ONE}/params", {}),
    get("bob", f"{_ONE}/pinned"),
    post("bob", f"{_ONE}/pin"),
    get("bob", f"{_ONE}/pinned"),
    get("bob", f"{_CHATS}/pinned"),
    get("bob", f"{_CHATS}/", query={"page": 1}),
    get("bob", f"{_CHATS}/", query={"page": 1, "include_pinned": True}),
    post("bob", f"{_ONE}/pin"),
    post("bob", f"{_ONE}/unread"),
    get("bob", f"{_CHATS}/", query={"page": 1}),
    post("bob", f"{_CHATS}/read"),
    post("bob", f"{_CHATS}/read"),
    post("bob", f"{_ONE}/archive"),
    get("bob", f"{_CHATS}/"),
    get("bob", f"{_CHATS}/archived"),
    get("bob", f"{_CHATS}/archived/count"),
    get("bob", f"{_CHATS}/all/archived"),
    post("bob", f"{_ONE}/archive"),
    post("bob", f"{_ONE}/clone", {}, pause=1.1),
    post("bob", f"{_ONE}/clone", {"title": "Second tea"}, save={"copy": "$.id"}, pause=1.1),
    post("bob", f"{_ONE}/fork", {"message_id": "a1"}, pause=1.1),
    post("bob", f"{_ONE}/fork", {"message_id": "nothing"}),
    post("bob", f"{_ONE}/fork", pause=1.1),
    post("bob", f"{_ONE}/compact", {}),
    get("bob", f"{_CHATS}/", unordered=("$",)),
    delete("bob", f"{_CHATS}/${{copy}}"),
    get("bob", f"{_CHATS}/${{copy}}"),
    delete("bob", _ONE),
    delete("bob", _ONE),
    delete("bob", f"{_CHATS}/"),
    delete("bob", f"{_CHATS}/"),
    get("bob", f"{_CHATS}/"),
    # Unusual bodies.
    post("bob", f"{_CHATS}/new", {"chat": {}}),
    post("bob", f"{_CHATS}/new", {"chat": {"title": ""}}, pause=1.1),
    post("bob", f"{_CHATS}/new", {}),
    post("bob", f"{_CHATS}/new", {"chat": []}),
    post("bob", f"{_CHATS}/new", {"chat": {"title": "Folderless"}, "folder_id": "nowhere"}),
    post("bob", f"{_CHATS}/new", raw=b"{", headers={"content-type": "application/json"}),
    post("bob", f"{_CHATS}/new", {"chat": {"title": "Nul \u0000 here", "history": {"messages": {}}}}, pause=1.1),
    get("bob", f"{_CHATS}/", query={"page": 0}),
    get("bob", f"{_CHATS}/", query={"page": "x"}),
)
