"""The writes of users at one program, and all their reads afterwards, at either program."""

from __future__ import annotations

from dataclasses import replace

from parity import sample_workspace
from parity.chats import make_chat, make_import_item
from parity.steps import Merged, flatten_steps, get, post

_T = 1_700_000_000
_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_BOB = {"principal_type": "user", "principal_id": "${bob.id}", "permission": "write"}
_PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
_ADMIN = "/api/v1/auths/admin/config"
_UPDATE = "/api/v1/users/user/settings/update"


def _banner(name: str) -> dict[str, object]:
    return {"id": name, "type": "info", "title": name, "content": "Hi ☕", "dismissible": True, "timestamp": _T}


def _model(model_id: str, **more: object) -> dict[str, object]:
    return {
        "id": model_id,
        "base_model_id": "demo-small",
        "name": f"Model {model_id}",
        "meta": {"description": "Kocht Äpfel", "tags": [{"name": "Küche"}], "profile_image_url": _PNG},
        "params": {"system": "Cook for {{ guest }}.", "temperature": 0.5},
        "access_grants": [_EVERYBODY, _BOB],
        **more,
    }


#: Writes at the program that created the database, with `ada`, `bob`, `cy` and `pending`.
FIRST = flatten_steps(
    get("ada", _ADMIN, save={"admin": "$"}),
    post("ada", _ADMIN, Merged("${admin}", {"ENABLE_SIGNUP": True, "JWT_EXPIRES_IN": "2w", "ENABLE_API_KEYS": True})),
    post("ada", "/api/v1/configs/banners", {"banners": [_banner("first"), _banner("second")]}),
    post("ada", "/api/v1/configs/suggestions", {"suggestions": [{"title": ["Tell", "me"], "content": "A story"}]}),
    post(
        "ada",
        "/api/v1/configs/models",
        {
            "DEFAULT_MODELS": "cook",
            "DEFAULT_PINNED_MODELS": "demo-small",
            "MODEL_ORDER_LIST": ["cook", "demo-small"],
            "DEFAULT_MODEL_METADATA": {"capabilities": {"vision": False}},
            "DEFAULT_MODEL_PARAMS": {"temperature": 0.2},
        },
    ),
    post("ada", "/api/v1/auths/api_key", save={"ada.key": "$.api_key"}),
    post("bob", _UPDATE, {"ui": {"models": ["demo-small"], "theme": "dark", "system": "Short."}}),
    post("bob", "/api/v1/users/user/info/update", {"city": "Köln"}),
    post("bob", "/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"}),
    post("ada", "/api/v1/groups/create", {"name": "Cooks", "description": "All"}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}"]}),
    # Models.
    post("ada", "/api/v1/models/create", _model("cook")),
    post("ada", "/api/v1/models/model/update", _model("cook", params={"system": "Bake."}, commit_message="Bake")),
    post("ada", "/api/v1/models/create", _model("off", access_grants=[])),
    post("ada", "/api/v1/models/model/toggle", query={"id": "off"}),
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-small", "access_grants": [_EVERYBODY]}),
    # Chats and folders.
    post("bob", "/api/v1/folders/", {"name": "Kitchen", "data": {"system_prompt": "Eat."}}, save={"kitchen": "$.id"}),
    post("bob", "/api/v1/folders/", {"name": "Shelf", "parent_id": "${kitchen}"}, save={"shelf": "$.id"}),
    post(
        "bob",
        "/api/v1/chats/import",
        {
            "chats": [
                make_import_item("Bread", ("How do I bake rye bread?", "With sourdough."), at=_T + 100),
                make_import_item("Äpfel", ("Which apples keep? 🍎", "Boskoop."), at=_T + 200, pinned=True),
                make_import_item("Old", ("What was?", "It is over."), at=_T + 300, archived=True),
                make_import_item("Cake", ("And cake?", "Butter."), at=_T + 400, meta={"tags": ["baking"]}),
            ]
        },
        save={"bread": "$[0].id", "apples": "$[1].id", "cake": "$[3].id"},
    ),
    post(
        "bob",
        "/api/v1/chats/new",
        {"chat": make_chat("Soup", ("Soup?", "Leek."), ("And then?", "Bread.")), "folder_id": "${shelf}"},
        save={"soup": "$.id"},
    ),
    post("bob", "/api/v1/chats/${soup}/tags", {"name": "Warm meals"}),
    post("bob", "/api/v1/chats/${bread}/share", save={"share": "$.share_id"}),
    post("bob", "/api/v1/chats/${cake}/folder", {"folder_id": "${kitchen}"}),
    post("bob", "/api/v1/chats/${soup}/messages/a1", {"content": "Leek, no: potatoes."}),
)

#: Writes at the other program, on the database of the first one.
SECOND = flatten_steps(
    post("ada", "/api/v1/configs/banners", {"banners": [_banner("third")]}),
    post(
        "ada", "/api/v1/auths/add", {"name": "Dee", "email": "dee@example.com", "password": "pass word", "role": "user"}
    ),
    post("bob", _UPDATE, {"ui": {"models": ["cook"], "theme": "light"}}),
    post("bob", "/api/v1/auths/update/profile", {"name": "Robert", "profile_image_url": _PNG, "bio": "Eats"}),
    post("ada", "/api/v1/models/model/update", _model("cook", name="Chef", params={"system": "Boil."})),
    post("ada", "/api/v1/models/create", _model("baker", meta={"description": "Bakes"})),
    post("bob", "/api/v1/folders/${kitchen}/update", {"name": "Big kitchen", "data": {"system_prompt": "Eat well."}}),
    post("bob", "/api/v1/folders/", {"name": "Cellar"}, save={"cellar": "$.id"}),
    post("bob", "/api/v1/chats/new", {"chat": make_chat("Wine", ("Red?", "White."))}, save={"wine": "$.id"}),
    post("bob", "/api/v1/chats/${wine}/folder", {"folder_id": "${cellar}"}),
    post("bob", "/api/v1/chats/${wine}/tags", {"name": "Drinks"}),
    post("bob", "/api/v1/chats/${soup}", {"chat": {"title": "Leek soup"}}),
    post("bob", "/api/v1/chats/${bread}/pin"),
    post("bob", "/api/v1/chats/${apples}/archive"),
    post("bob", "/api/v1/chats/${cake}/clone", {}, save={"clone": "$.id"}),
    post("bob", "/api/v1/chats/${wine}/share", save={"share.two": "$.share_id"}),
    sample_workspace.STEPS,
)

_LISTS = (
    "/api/v1/chats/",
    "/api/v1/chats/all",
    "/api/v1/chats/pinned",
    "/api/v1/chats/archived",
    "/api/v1/chats/shared",
    "/api/v1/users/user/settings",
    "/api/v1/users/user/info",
    "/api/v1/users/groups",
    "/api/v1/users/permissions",
    "/api/v1/auths/",
    "/api/v1/configs/banners",
    "/api/v1/configs/models/defaults",
    "/api/v1/models/list",
    "/api/v1/models/tags",
    "/api/models",
    "/api/config",
)
_CHATS = ("bread", "apples", "cake", "soup", "wine", "clone", "turn.one", "turn.two")
_ADMINISTRATOR_PATHS = (
    "/api/v1/users/default/permissions",
    "/api/v1/auths/admin/config",
    "/api/v1/configs/models",
    "/api/v1/configs/connections",
    "/api/v1/configs/code_execution",
    "/api/v1/configs/export",
    "/api/v1/tasks/config",
    "/api/v1/chats/config",
    "/api/v1/evaluations/config",
    "/api/v1/models/base",
    "/openai/config",
    "/ollama/config",
)
_NOW = "it tells of the moment of asking"
_ACTIVITY_PATHS = ("$.users[*].is_active", "$.users[*].last_active_at")
_CALENDAR_TIMES = ("$[*].created_at", "$[*].updated_at")
_PROSE = ("$.rag.template", "$.image_generation.comfyui.workflow", "$.order")

#: Reads of everything that was written, by the users concerned; records that do not exist are not requested.
READS = flatten_steps(
    [get("bob", path) for path in _LISTS],
    get("bob", "/api/v1/folders/", unordered=("$",)),
    get("bob", "/api/v1/chats/all/tags", unordered=("$",)),
    [get("bob", f"/api/v1/chats/${{{name}}}") for name in _CHATS],
    [get("bob", f"/api/v1/chats/${{{name}}}/tags", unordered=("$",)) for name in _CHATS],
    get("ada", "/api/v1/chats/share/${share}"),
    get("bob", "/api/v1/chats/share/${share.two}"),
    [get("bob", f"/api/v1/folders/${{{name}}}") for name in ("kitchen", "shelf", "cellar")],
    [get("bob", f"/api/v1/chats/folder/${{{name}}}/list") for name in ("kitchen", "shelf", "cellar")],
    get("bob", "/api/v1/chats/search", query={"text": "rye"}),
    get("bob", "/api/v1/chats/search", query={"text": "tag:drinks"}),
    get("ada", "/api/v1/users/", ignore=_ACTIVITY_PATHS, why=_NOW),
    get("ada", "/api/v1/users/all", ignore=_ACTIVITY_PATHS, why=_NOW),
    [get("ada", path, ignore=_PROSE, why="prose, and the order of rows") for path in _ADMINISTRATOR_PATHS],
    get("ada", "/api/v1/models/all", unordered=("$",)),
    get("ada", "/api/v1/models/model", query={"id": "cook"}),
    get("ada", "/api/v1/models/model/history", query={"id": "cook"}),
    get("bob", "/api/v1/models/model/profile/image", query={"id": "cook"}),
    get("bob", "/api/v1/users/${bob.id}/profile/image"),
    get("key:ada.key", "/api/v1/chats/"),
    get("cy", "/api/v1/chats/"),
    get("pending", "/api/config"),
    [
        replace(step, ignore=_CALENDAR_TIMES, why=_NOW) if step.path == "/api/v1/calendars/" else step
        for step in sample_workspace.READS
    ],
)
