"""Ollama models in the list: beside OpenAI's models, under a prefix, filtered, loaded and unloaded."""

from parity.steps import flatten_steps, get, post, refused_steps

_CONFIG = "/ollama/config/update"
_CREATE = "/api/v1/models/create"
_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_UNLOAD = "/api/models/unload"


def _configure_connection(**options: object) -> object:
    body = {"ENABLE_OLLAMA_API": True, "OLLAMA_BASE_URLS": ["${upstream}"], "OLLAMA_API_CONFIGS": {"0": options}}
    return post("ada", _CONFIG, body)


STEPS = flatten_steps(
    refused_steps("anonymous bob", "POST", _CONFIG, {}),
    _configure_connection(),
    get("ada", "/api/models", query={"refresh": True}),
    get("ada", "/api/models/base"),
    get("bob", "/api/models"),
    # A workspace model whose base model is named without its tag, and an entry for the base model itself.
    post(
        "ada",
        _CREATE,
        {
            "id": "pirate",
            "base_model_id": "demo-small",
            "name": "Pirate",
            "meta": {},
            "params": {},
            "access_grants": [_EVERYBODY],
        },
    ),
    post(
        "ada",
        _CREATE,
        {"id": "untagged", "base_model_id": "llama-demo", "name": "Untagged", "meta": {}, "params": {}},
        pause=1.1,
    ),
    get("ada", "/api/models"),
    get("bob", "/api/models"),
    post("ada", _UNLOAD, {"model": "llama-demo:latest"}),
    post("ada", _UNLOAD, {"model": "pirate"}),
    post(
        "ada",
        _UNLOAD,
        {"model": "untagged"},
        ignore=("status",),
        why="here alone the reference does not know names without their tag; unloading is what was asked for",
    ),
    _configure_connection(prefix_id="home", tags=[{"name": "Local"}], connection_type="local"),
    get("ada", "/api/models", query={"refresh": True}),
    post("ada", _UNLOAD, {"model": "home.llama-demo:latest"}),
    _configure_connection(model_ids=["llama-demo:latest"]),
    get("ada", "/api/models", query={"refresh": True}),
    _configure_connection(enable=False),
    get("ada", "/api/models", query={"refresh": True}),
)
