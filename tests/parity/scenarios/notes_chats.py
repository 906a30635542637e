"""Chats about a note: each who may read it has their own, beside the lists of chats."""

from parity.steps import flat, get, post, refused

_ALL = "/api/v1/notes"
_ONE = f"{_ALL}/${{note}}"
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_PATHS = (("GET", "chat"), ("GET", "chats"), ("POST", "chat"))

_PROMPT = {"ignore": ("$.chat.params.system", "$[*].chat.params.system"), "why": "what a model is told is our own"}

STEPS = flat(
    post("bob", f"{_ALL}/create", {"title": "Birds", "data": {"content": {"md": "Herons."}}}, save={"note": "$.id"}),
    *[refused("cy pending anonymous", method, f"{_ONE}/{path}") for method, path in _PATHS],
    *[refused("ada", method, f"{_ALL}/nothing/{path}") for method, path in _PATHS],
    get("bob", f"{_ONE}/chats", **_PROMPT),
    get("bob", f"{_ONE}/chat", **_PROMPT, save={"first": "$.id"}),
    get("bob", f"{_ONE}/chat", **_PROMPT),
    post("bob", f"{_ONE}/chat", **_PROMPT, save={"second": "$.id"}, pause=1.1),
    get("bob", f"{_ONE}/chats", **_PROMPT),
    get("bob", f"{_ONE}/chat", **_PROMPT),
    get("ada", f"{_ONE}/chats", **_PROMPT),
    get("ada", f"{_ONE}/chat", **_PROMPT),
    get("bob", "/api/v1/chats/"),
    get("bob", "/api/v1/chats/${first}", **_PROMPT),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    get("cy", f"{_ONE}/chat", **_PROMPT, save={"cys": "$.id"}),
    get("cy", f"{_ONE}/chats", **_PROMPT),
    get("cy", "/api/v1/chats/${first}"),
    # What the chat's prompt says of the note is put right.
    post("cy", "/api/v1/chats/${cys}", {"chat": {"params": {"system": "Else", "note_id": "x", "temperature": 1}}}),
    get("cy", f"{_ONE}/chat", **_PROMPT),
    get("cy", f"{_ONE}/chats", **_PROMPT),
)
