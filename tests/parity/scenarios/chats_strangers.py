"""Every operation on chats, requested anonymously and by a pending user."""

from parity.chats import make_chat
from parity.steps import flatten_steps, post, refused_steps

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"
_GRANTS = {"access_grants": []}
_EVENT = {"type": "status", "data": {}}
_CALL = {"call_id": "c", "action": "answer"}

_ALL: list[tuple[str, str, object]] = [
    ("GET", f"{_CHATS}/", None),
    ("GET", f"{_CHATS}/list", None),
    ("DELETE", f"{_CHATS}/", None),
    ("GET", f"{_CHATS}/all", None),
    ("GET", f"{_CHATS}/all/archived", None),
    ("GET", f"{_CHATS}/all/db", None),
    ("GET", f"{_CHATS}/all/tags", None),
    ("POST", f"{_CHATS}/archive/all", None),
    ("POST", f"{_CHATS}/unarchive/all", None),
    ("GET", f"{_CHATS}/archived", None),
    ("GET", f"{_CHATS}/archived/count", None),
    ("GET", f"{_CHATS}/config", None),
    ("POST", f"{_CHATS}/config", {}),
    ("GET", f"{_CHATS}/folder/x", None),
    ("GET", f"{_CHATS}/folder/x/list", None),
    ("POST", f"{_CHATS}/import", {"chats": []}),
    ("GET", f"{_CHATS}/list/user/${{bob.id}}", None),
    ("POST", f"{_CHATS}/new", {"chat": {}}),
    ("GET", f"{_CHATS}/pinned", None),
    ("POST", f"{_CHATS}/read", None),
    ("GET", f"{_CHATS}/search", None),
    ("DELETE", f"{_CHATS}/share/all", None),
    ("GET", f"{_CHATS}/share/${{share}}", None),
    ("GET", f"{_CHATS}/share/nothing", None),
    ("GET", f"{_CHATS}/shared", None),
    ("GET", f"{_CHATS}/shared/${{chat}}/access", None),
    ("POST", f"{_CHATS}/shared/${{chat}}/access/update", _GRANTS),
    ("GET", f"{_CHATS}/stats/usage", None),
    ("GET", f"{_CHATS}/stats/export", None),
    ("GET", f"{_CHATS}/stats/export/${{chat}}", None),
    ("POST", f"{_CHATS}/tags", {"name": "x"}),
    ("GET", _ONE, None),
    ("POST", _ONE, {"chat": {}}),
    ("DELETE", _ONE, None),
    ("POST", f"{_ONE}/archive", None),
    ("POST", f"{_ONE}/clone", {}),
    ("POST", f"{_CHATS}/${{share}}/clone/shared", None),
    ("POST", f"{_ONE}/compact", {}),
    ("POST", f"{_ONE}/folder", {}),
    ("POST", f"{_ONE}/fork", {}),
    ("POST", f"{_ONE}/messages/u1", {"content": "x"}),
    ("DELETE", f"{_ONE}/messages/u1", None),
    ("POST", f"{_ONE}/messages/u1/event", _EVENT),
    ("POST", f"{_ONE}/messages/a1/resolve", _CALL),
    ("PATCH", f"{_ONE}/params", {}),
    ("POST", f"{_ONE}/pin", None),
    ("GET", f"{_ONE}/pinned", None),
    ("POST", f"{_ONE}/share", None),
    ("DELETE", f"{_ONE}/share", None),
    ("GET", f"{_ONE}/tags", None),
    ("POST", f"{_ONE}/tags", {"name": "x"}),
    ("DELETE", f"{_ONE}/tags", {"name": "x"}),
    ("POST", f"{_ONE}/unread", None),
]

STEPS = flatten_steps(
    post("bob", f"{_CHATS}/new", {"chat": make_chat("Mine", ("Who am I?", "Bob."))}, save={"chat": "$.id"}),
    post("bob", f"{_ONE}/share", save={"share": "$.share_id"}),
    *[
        refused_steps("anonymous pending", method, path)
        if body is None
        else refused_steps("anonymous pending", method, path, body)
        for method, path, body in _ALL
    ],
)
