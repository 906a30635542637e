"""What is left of a user who is deleted, and of one whose role is taken away."""

from parity.chats import talk
from parity.steps import PASSWORD, delete, flat, get, post

_BOB = "/api/v1/users/${bob.id}"
_MODEL = {"id": "bobs", "base_model_id": "demo-small", "name": "Bob's", "meta": {}, "params": {}, "access_grants": []}
_PERMISSIONS = {"features": {"api_keys": True}, "workspace": {"models": True}}

STEPS = flat(
    post(
        "ada",
        "/api/v1/groups/create",
        {"name": "Staff", "description": "", "permissions": _PERMISSIONS},
        save={"group": "$.id"},
    ),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}", "${cy.id}"]}),
    post("bob", "/api/v1/auths/api_key", save={"bob.key": "$.api_key"}),
    post("bob", "/api/v1/chats/new", {"chat": talk("Mine", ("Hello", "Hello!"))}, save={"chat": "$.id"}),
    post("bob", "/api/v1/chats/${chat}/share", save={"share": "$.share_id"}),
    post("bob", "/api/v1/folders/", {"name": "Secrets"}),
    post("bob", "/api/v1/models/create", _MODEL),
    # Waiting again: the token is still good, but for nothing.
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
    # The address is free again.
    post(
        "ada",
        "/api/v1/auths/add",
        {"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "role": "user"},
        save={"new.token": "$.token"},
    ),
    get("new", "/api/v1/chats/"),
    get("new", "/api/v1/users/groups"),
)
