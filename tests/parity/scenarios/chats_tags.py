"""Tags of chats: added, listed, searched, removed."""

from parity.chats import make_chat
from parity.steps import delete, flatten_steps, get, post

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"

STEPS = flatten_steps(
    post("bob", f"{_CHATS}/new", {"chat": make_chat("Tagged", ("What?", "That."))}, save={"chat": "$.id"}),
    post("bob", f"{_CHATS}/new", {"chat": make_chat("Other", ("Who?", "They."))}, save={"other": "$.id"}, pause=1.1),
    get("bob", f"{_ONE}/tags"),
    post("bob", f"{_ONE}/tags", {"name": "Late Night"}),
    post("bob", f"{_ONE}/tags", {"name": "late night"}),
    post("bob", f"{_ONE}/tags", {"name": "None"}),
    post("bob", f"{_ONE}/tags", {"name": "Work"}),
    post("bob", f"{_CHATS}/${{other}}/tags", {"name": "Work"}),
    get("bob", f"{_ONE}/tags", unordered=("$",)),
    get("bob", f"{_CHATS}/all/tags", unordered=("$",)),
    get("cy", f"{_CHATS}/all/tags"),
    post("bob", f"{_CHATS}/tags", {"name": "Work"}),
    post("bob", f"{_CHATS}/tags", {"name": "work", "skip": 1, "limit": 1}),
    post("bob", f"{_CHATS}/tags", {"name": "nothing"}),
    post("bob", f"{_CHATS}/tags", {}),
    get("bob", f"{_CHATS}/search", query={"text": "tag:late_night"}),
    delete("bob", f"{_ONE}/tags", {"name": "Late Night"}),
    delete("bob", f"{_ONE}/tags", {"name": "Late Night"}),
    delete("bob", f"{_ONE}/tags", {}),
    get("bob", f"{_CHATS}/all/tags"),
    post("bob", f"{_ONE}/archive", pause=1.1),
    get("bob", f"{_CHATS}/all/tags"),
    post("bob", f"{_CHATS}/tags", {"name": "Work"}),
    delete("bob", f"{_CHATS}/${{other}}"),
    get("bob", f"{_CHATS}/all/tags"),
)
