"""The data of a deleted user, and the access of a user whose role is removed."""

from parity.chats import make_chat
from parity.steps import PASSWORD, delete, flatten_steps, get, post

_BOB = "/api/v1/users/${bob.id}"
_MODEL = {"id": "bobs", "base_model_id": "demo-small", "name": "Bob's", "meta": {}, "params": {}, "access_grants": []}
_PERMISSIONS = {"features": {"api_keys": True}, "workspace": {"models": True}}

STEPS = flatten_steps(
    post(
        "ada",
        "/api/v1/groups/create",
        {"name": "Staff", "description": "", "permissions": _PERMISSIONS},
        save={"group": "$.id"},
    ),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}", "${cy.id}"]}),
    post("bob", "/api/v1/auths/api_key", save={"bob.key": "$.api_key"}),
    post("bob", "/api/v1/chats/new", {"chat": make_chat("Mine", ("Hello", "Hello!"))}, save={"chat": "$.id"}),
    post("bob", "/api/v1/chats/${chat}/share", save={"share": "$.share_id"}),
    post("bob", "/api/v1/folders/", {"name": "Secrets"}),
    post("bob", "/api/v1/models/create", _MODEL),
    # Pending again: the token is still valid, but grants no access.
    post("ada", f"{_BOB}/update", {"role": "pending"}),
    get("bob", "/api/v1/auths/"),
    get("bob", "/api/v1/chats/"),
    get("key:bob.key", "/api/v1/chats/"),
    post("ada", f"{_BOB}/update", {"role": "user"}),
    get("bob", "/api/v1/chats/"),
    delete("ada", _BOB),
    get("bob", "/api/v1/auths/"),
    get("bob", "/api/v1/chats/"),
    get("key:bob.key", "/api/v1/chats/"),
    post("anonymous", "/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}),
    get("ada", _BOB),
    get("ada", f"{_BOB}/info"),
    get("ada", f"{_BOB}/active"),
    get("ada", f"{_BOB}/groups"),
    get("ada", f"{_BOB}/preview"),
    post("ada", f"{_BOB}/update", {"name": "Bob"}),
    post("ada", f"{_BOB}/sessions/revoke"),
    get("ada", "/api/v1/groups/id/${group}"),
    get("ada", "/api/v1/groups/id/${group}/export"),
    get("ada", "/api/v1/chats/${chat}"),
    get("ada", "/api/v1/chats/share/${chat}"),
    get("ada", "/api/v1/chats/list/user/${bob.id}"),
    get("ada", "/api/v1/models/model", query={"id": "bobs"}),
    # The e-mail address can be used again.
    post(
        "ada",
        "/api/v1/auths/add",
        {"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "role": "user"},
        save={"new.token": "$.token"},
    ),
    get("new", "/api/v1/chats/"),
    get("new", "/api/v1/users/groups"),
)
