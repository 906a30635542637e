"""The list of models to choose from, and the effect of workspace models and settings on it."""

from parity.steps import flatten_steps, get, post, refused_steps

_GRANT = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_MODELS = "/api/v1/models"
_SETTINGS = {
    "DEFAULT_MODELS": "demo-small",
    "DEFAULT_PINNED_MODELS": "",
    "MODEL_ORDER_LIST": ["demo-reasoner", "demo-small"],
    "DEFAULT_MODEL_METADATA": {"capabilities": {"vision": False}},
    "DEFAULT_MODEL_PARAMS": {"temperature": 0.2},
}

STEPS = flatten_steps(
    get("ada", "/api/models"),
    get("ada", "/api/v1/models"),
    get("bob", "/api/models"),
    refused_steps("anonymous pending", "GET", "/api/models"),
    refused_steps("anonymous", "GET", "/api/v1/models"),
    get("ada", "/api/models/base"),
    refused_steps("anonymous pending bob", "GET", "/api/models/base"),
    post("ada", f"{_MODELS}/create", {"id": "demo-small", "name": "Small", "meta": {"hidden": True}, "params": {}}),
    post(
        "ada",
        f"{_MODELS}/create",
        {
            "id": "poet",
            "base_model_id": "demo-large",
            "name": "Poet",
            "meta": {"description": "Rhymes", "suggestion_prompts": [{"content": "An ode"}]},
            "params": {"system": "Rhyme about {{ theme }}."},
            "access_grants": [_GRANT],
        },
    ),
    post(
        "ada",
        f"{_MODELS}/create",
        {"id": "orphan", "base_model_id": "gone", "name": "Orphan", "meta": {}, "params": {}},
        pause=1.1,
    ),
    get("ada", "/api/models", query={"refresh": True}),
    get("bob", "/api/models"),
    post("ada", f"{_MODELS}/model/access/update", {"id": "demo-small", "access_grants": [_GRANT]}),
    get("bob", "/api/models"),
    post("ada", "/api/v1/configs/models", _SETTINGS),
    get("ada", "/api/models", query={"refresh": True}),
    get("ada", "/api/models/base"),
    post("ada", "/api/models/unload", {"model": "demo-small"}),
    post("ada", "/api/models/unload", {"model": "nothing"}),
    post("ada", "/api/models/unload", {}),
    refused_steps("anonymous bob", "POST", "/api/models/unload", {"model": "demo-small"}),
)
