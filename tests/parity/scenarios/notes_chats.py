"""Chats about a note: each reader of the note has their own, outside of the lists of chats."""

from parity.steps import flatten_steps, get, post, refused_steps

_ALL = "/api/v1/notes"
_ONE = f"{_ALL}/${{note}}"
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_PATHS = (("GET", "chat"), ("GET", "chats"), ("POST", "chat"))

_PROMPT = {"ignore": ("$.chat.params.system", "$[*].chat.params.system"), "why": "what a model is told is our own"}

STEPS = flatten_steps(
    post("bob", f"{_ALL}/create", {"title": "Birds", "data": {"content": {"md": "Herons."}}}, save={"note": "$.id"}),
    *[refused_steps("cy pending anonymous", method, f"{_ONE}/{path}") for method, path in _PATHS],
    *[refused_steps("ada", method, f"{_ALL}/nothing/{path}") for method, path in _PATHS],
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
    # The text about the note in the chat's prompt is corrected.
    post("cy", "/api/v1/chats/${cys}", {"chat": {"params": {"system": "Else", "note_id": "x", "temperature": 1}}}),
    get("cy", f"{_ONE}/chat", **_PROMPT),
    get("cy", f"{_ONE}/chats", **_PROMPT),
)
