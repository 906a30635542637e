"""A database with some records of every kind, saved as SQL for the scenario that opens it."""

from parity import sample_workspace
from parity.chats import make_chat, make_import_item
from parity.steps import PASSWORD, Merged, flatten_steps, get, post

KEEPS = True
CAST = False
_CONFIG = "/api/v1/auths/admin/config"
_SIGNIN = "/api/v1/auths/signin"
_T = 1_700_000_000
_CHATS = [
    make_import_item("Bread", ("How do I bake rye bread?", "With sourdough and patience."), at=_T + 100),
    make_import_item("Äpfel", ("Which apples keep?", "Boskoop keeps until March."), at=_T + 200, pinned=True),
    make_import_item("Cake", ("And cake?", "Butter, sugar, eggs, flour."), at=_T + 300, meta={"tags": ["baking"]}),
    make_import_item("Old", ("What was?", "It is over."), at=_T + 400, archived=True),
]
_TARGET = {
    "id": "hook",
    "type": "webhook",
    "enabled": True,
    "events": ["chat.finished"],
    "delivery": "away",
    "config": {"url": "https://hooks.example.com/services/secret-path"},
    "created_at": _T,
    "updated_at": _T,
}
_GRANT = {"principal_type": "user", "principal_id": "*", "permission": "read"}

STEPS = flatten_steps(
    post(
        "anonymous",
        "/api/v1/auths/signup",
        {"name": "Ada", "email": "ada@example.com", "password": PASSWORD},
        save={"ada.id": "$.id", "ada.token": "$.token"},
    ),
    get("ada", _CONFIG, save={"config": "$"}),
    # Sessions do not expire, so that the tokens saved with the database stay valid.
    post("ada", _CONFIG, Merged("${config}", {"JWT_EXPIRES_IN": "-1", "ENABLE_API_KEYS": True})),
    post(
        "ada",
        "/api/v1/auths/add",
        {"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "role": "user"},
        save={"bob.id": "$.id"},
        pause=1.1,
    ),
    post("anonymous", _SIGNIN, {"email": "ada@example.com", "password": PASSWORD}, save={"ada.token": "$.token"}),
    post("anonymous", _SIGNIN, {"email": "bob@example.com", "password": PASSWORD}, save={"bob.token": "$.token"}),
    post("ada", "/api/v1/auths/api_key", save={"ada.key": "$.api_key"}),
    post(
        "bob",
        "/api/v1/users/user/settings/update",
        {"ui": {"models": ["demo-small"]}, "notifications": {"targets": [_TARGET], "default_target_id": "hook"}},
    ),
    post("bob", "/api/v1/chats/import", {"chats": _CHATS}, save={"bread": "$[0].id"}),
    post("bob", "/api/v1/folders/", {"name": "Kitchen"}, save={"kitchen": "$.id"}),
    post(
        "bob",
        "/api/v1/chats/new",
        {"chat": make_chat("Soup", ("Soup?", "Leek.")), "folder_id": "${kitchen}"},
        save={"soup": "$.id"},
    ),
    post("bob", "/api/v1/chats/${bread}/share", save={"share": "$.share_id"}),
    post("bob", "/api/v1/chats/${soup}/tags", {"name": "Warm"}),
    post("ada", "/api/v1/groups/create", {"name": "Cooks", "description": "All cooks"}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}"]}),
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "cook",
            "base_model_id": "demo-small",
            "name": "Cook",
            "meta": {},
            "params": {"system": "Cook."},
            "access_grants": [_GRANT],
        },
    ),
    post(
        "ada",
        "/api/v1/configs/banners",
        {"banners": [{"id": "b", "type": "info", "content": "Hi", "dismissible": True, "timestamp": _T}]},
    ),
    sample_workspace.STEPS,
)
