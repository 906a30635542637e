"""A database written by the reference, opened here: users stay signed in, and all records exist."""

from parity import sample_workspace
from parity.steps import PASSWORD, flatten_steps, get, post

OPENS = "webui.sql.gz"
CAST = False

STEPS = flatten_steps(
    get("ada", "/api/v1/auths/"),
    get("bob", "/api/v1/auths/", cookie=True),
    get("key:ada.key", "/api/models"),
    post("anonymous", "/api/v1/auths/signin", {"email": "bob@example.com", "password": PASSWORD}),
    post("anonymous", "/api/v1/auths/signin", {"email": "bob@example.com", "password": "wrong"}),
    get("bob", "/api/v1/users/user/settings"),
    get("bob", "/api/v1/users/groups"),
    get("bob", "/api/config"),
    get("bob", "/api/v1/chats/"),
    get(
        "bob",
        "/api/v1/chats/",
        query={"page": 1, "include_folders": True, "include_pinned": True},
        save={"soup": "$[0].id"},
    ),
    get("bob", "/api/v1/chats/${soup}"),
    get("bob", "/api/v1/chats/pinned"),
    get("bob", "/api/v1/chats/archived"),
    get("bob", "/api/v1/chats/shared"),
    get("bob", "/api/v1/chats/all/tags", unordered=("$",)),
    get("bob", "/api/v1/chats/search", query={"text": "rye"}),
    get("bob", "/api/v1/folders/"),
    get("ada", "/api/v1/users/"),
    get("ada", "/api/v1/groups/"),
    get("ada", "/api/v1/models/list"),
    get("bob", "/api/models"),
    get("bob", "/api/v1/configs/banners"),
    post("bob", "/api/v1/chats/${soup}", {"chat": {"title": "Leek soup"}}),
    get("bob", "/api/v1/chats/${soup}"),
    sample_workspace.READS,
)
