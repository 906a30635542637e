"""The list of models in the order of the administrator, with tags and defaults; pages of the workspace."""

from parity.steps import flatten_steps, get, post

_MODELS = "/api/v1/models"
_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}


def _make_model(number: int) -> dict[str, object]:
    return {
        "id": f"m-{number:02}",
        "base_model_id": "demo-small" if number % 2 else "demo-large",
        "name": f"Model {(number * 7) % 34:02}",
        "meta": {"tags": [{"name": "Odd" if number % 2 else "even"}, {"name": "Äpfel"}]},
        "params": {"system": "You serve {{ who }}."} if number == 3 else {},
    }


_ROWS = [
    {**_make_model(number), "user_id": "x", "is_active": number != 5, "updated_at": 1, "created_at": 1}
    for number in range(34)
]
_NAMES = {"order_by": "name", "direction": "asc"}

STEPS = flatten_steps(
    post("ada", f"{_MODELS}/sync", {"models": [{**_ROWS[0], "access_grants": [_EVERYBODY]}]}),
    post("ada", f"{_MODELS}/sync", {"models": _ROWS}),
    [
        post("ada", f"{_MODELS}/model/access/update", {"id": f"m-{number:02}", "access_grants": [_EVERYBODY]})
        for number in range(3)
    ],
    get("ada", f"{_MODELS}/list", query=_NAMES),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "page": 2}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "page": 3}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "page": 0}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "page": -4}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "page": "x"}),
    get("ada", f"{_MODELS}/list", query={"order_by": "name", "direction": "desc", "query": "MODEL 1"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "tag": "odd"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "tag": "äpfel", "query": "Model 2"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "tag": "o%"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "query": "demo-large", "page": 1}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "query": "100%"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "query": "Model_0"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "view_option": "created", "query": "Model 0"}),
    get("ada", f"{_MODELS}/list", query={**_NAMES, "view_option": "shared"}),
    get("bob", f"{_MODELS}/list", query=_NAMES),
    get("bob", f"{_MODELS}/list", query={**_NAMES, "view_option": "shared", "query": "ada@"}),
    get("bob", f"{_MODELS}/tags"),
    get("bob", f"{_MODELS}/model", query={"id": "m-01"}),
    get("ada", f"{_MODELS}/model", query={"id": "m-03"}),
    get("ada", f"{_MODELS}/base"),
    # Names and tags of a base model.
    post(
        "ada",
        f"{_MODELS}/create",
        {
            "id": "demo-small",
            "name": "Little one",
            "meta": {"tags": [{"name": "Quick"}], "capabilities": {"vision": True}, "description": "Small"},
            "params": {"temperature": 0.3},
            "access_grants": [_EVERYBODY],
        },
    ),
    get("ada", f"{_MODELS}/base"),
    get("ada", f"{_MODELS}/base", query={"tag": "Quick"}),
    get("ada", f"{_MODELS}/base", query={"tag": "quick"}),
    get("ada", f"{_MODELS}/base/tags"),
    post(
        "ada",
        "/api/v1/configs/models",
        {
            "DEFAULT_MODELS": "m-02,demo-small",
            "DEFAULT_PINNED_MODELS": "m-01",
            "MODEL_ORDER_LIST": ["m-02", "demo-small", "gone", "m-00"],
            "DEFAULT_MODEL_METADATA": {"capabilities": {"vision": False, "citations": True}, "description": "Any"},
            "DEFAULT_MODEL_PARAMS": {"temperature": 0.5, "compact_token_threshold": 900},
        },
    ),
    get("bob", "/api/models"),
    get("bob", "/api/v1/models"),
    get("ada", "/api/models"),
    get("bob", "/api/config"),
    get("bob", "/api/v1/configs/models/defaults"),
    post("ada", "/api/v1/configs/models", {"DEFAULT_MODELS": None}),
    post(
        "ada",
        "/api/v1/configs/models",
        {"DEFAULT_MODELS": None, "DEFAULT_PINNED_MODELS": None, "MODEL_ORDER_LIST": None},
    ),
    get("bob", "/api/models"),
    get("ada", "/api/v1/configs/models"),
)
