"""Arenas: enabled, configured, visible to the users with access; their pictures; who may configure them."""

from parity.steps import flatten_steps, get, post, refused_steps

_CONFIG = "/api/v1/evaluations/config"
_PICTURE = "/api/v1/models/model/profile/image"
_GRANT = {"principal_type": "user", "principal_id": "${bob.id}", "permission": "read"}
_ARENA = {
    "id": "arena-bob",
    "name": "Bob's arena",
    "meta": {
        "profile_image_url": "/static/user.png",
        "description": "For Bob",
        "model_ids": ["demo-small"],
        "filter_mode": "include",
        "access_grants": [_GRANT],
    },
}
_CLOSED = {"id": "arena-ada", "name": "Ada's arena", "meta": {"model_ids": None, "access_grants": []}}

STEPS = flatten_steps(
    get("ada", _CONFIG),
    refused_steps("anonymous pending bob", "GET", _CONFIG),
    refused_steps("anonymous pending bob", "POST", _CONFIG, {}),
    post("ada", _CONFIG, {}),
    post("ada", _CONFIG, {"ENABLE_EVALUATION_ARENA_MODELS": "perhaps"}),
    post("ada", _CONFIG, {"EVALUATION_ARENA_MODELS": {}}),
    post("ada", _CONFIG, {"ENABLE_EVALUATION_ARENA_MODELS": True}),
    get(
        "ada",
        "/api/models",
        query={"refresh": True},
        ignore=("$.data[*].info.meta.description",),
        why="prose",
    ),
    get("bob", "/api/models"),
    post("ada", _CONFIG, {"EVALUATION_ARENA_MODELS": [_ARENA, _CLOSED]}),
    get("ada", _CONFIG),
    get("ada", "/api/models"),
    get("bob", "/api/models"),
    get("cy", "/api/models"),
    get("ada", "/api/models/base"),
    get("bob", _PICTURE, query={"id": "arena-bob"}),
    get("cy", _PICTURE, query={"id": "arena-bob"}),
    get("ada", _PICTURE, query={"id": "arena-bob"}),
    get("ada", _PICTURE, query={"id": "arena-ada"}),
    # A workspace model for an arena.
    post(
        "ada",
        "/api/v1/models/create",
        {"id": "arena-bob", "name": "The arena", "meta": {"description": "Named"}, "params": {}},
    ),
    get("bob", "/api/models"),
    post("ada", "/api/v1/models/model/toggle", query={"id": "arena-bob"}),
    get("bob", "/api/models"),
    post("ada", _CONFIG, {"ENABLE_EVALUATION_ARENA_MODELS": False}),
    get("ada", "/api/models"),
)
