"""Actions: their buttons in the list of models, what they see and return, and who may press them."""

from parity.probe_actions import ACTION, PLAIN_ACTION
from parity.probe_plugins import install_steps
from parity.steps import Step, flatten_steps, get, post

_ANYBODY = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
_BODY = {"model": "demo-small", "chat_id": "local:x", "id": "message", "session_id": "session", "messages": []}


def _press(button: str, do: str = "", who: str = "ada", **more: object) -> Step:
    return post(who, f"/api/chat/actions/{button}", {**_BODY, "do": do, **more})


STEPS = flatten_steps(
    install_steps("press", ACTION, is_global=True, valves={"word": "now"}),
    install_steps("plain", PLAIN_ACTION),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", "/api/v1/functions/id/press/valves/user/update", {"tone": "rude"}),
    *[_press("press", do) for do in ("raise", "none", "text", "list", "show", "")],
    _press("press.short", "show"),
    _press("press.long"),
    _press("press.nothing"),
    _press("plain"),
    _press("plain.part"),
    _press("nothing"),
    _press("press", model="nothing"),
    # Who may press what.
    _press("press", who="bob"),
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-small", "access_grants": _ANYBODY}),
    get("bob", "/api/models"),
    _press("press", who="bob"),
    _press("press.short", "show", who="bob"),
    _press("plain", who="bob"),
    post("ada", "/api/v1/functions/id/press/toggle", ignore=("$",), why="compared elsewhere"),
    _press("press"),
    _press("press", who="bob"),
)
