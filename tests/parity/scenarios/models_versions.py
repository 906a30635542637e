"""Versions of workspace models; export and import of models."""

from parity.steps import delete, flatten_steps, get, post, refused_steps

_MODELS = "/api/v1/models"
_ONE = {"id": "one", "base_model_id": "demo-small", "name": "One", "meta": {}, "params": {"system": "First."}}
_TWO = {**_ONE, "id": "two", "name": "Two"}
_HISTORY = "/api/v1/models/model/history"

STEPS = flatten_steps(
    post("ada", f"{_MODELS}/create", {**_ONE, "commit_message": "Begin"}, save={"first": "$.version_id"}),
    get("ada", _HISTORY, query={"id": "one"}),
    post(
        "ada",
        f"{_MODELS}/model/update",
        {**_ONE, "params": {"system": "Second."}, "commit_message": "Better"},
        save={"second": "$.version_id"},
        pause=1.1,
    ),
    get("ada", _HISTORY, query={"id": "one"}),
    get("ada", _HISTORY, query={"id": "one", "page": 1}),
    get("ada", _HISTORY, query={"id": "nothing"}),
    get("ada", _HISTORY),
    refused_steps("anonymous pending bob", "GET", _HISTORY, query={"id": "one"}),
    get("ada", f"{_HISTORY}/${{first}}", query={"id": "one"}),
    get("ada", f"{_HISTORY}/nothing", query={"id": "one"}),
    get("ada", f"{_HISTORY}/${{first}}", query={"id": "two"}),
    post("ada", f"{_MODELS}/model/update/version", {"version_id": "${first}"}, query={"id": "one"}, pause=1.1),
    post("ada", f"{_MODELS}/model/update/version", {"version_id": "nothing"}, query={"id": "one"}),
    post("ada", f"{_MODELS}/model/update/version", {}, query={"id": "one"}),
    refused_steps(
        "anonymous bob", "POST", f"{_MODELS}/model/update/version", {"version_id": "${first}"}, query={"id": "one"}
    ),
    get("ada", f"{_MODELS}/model", query={"id": "one"}),
    refused_steps("anonymous bob", "DELETE", f"{_HISTORY}/${{second}}", query={"id": "one"}),
    delete("ada", f"{_HISTORY}/${{second}}", query={"id": "one"}),
    delete("ada", f"{_HISTORY}/${{second}}", query={"id": "one"}),
    delete("ada", f"{_HISTORY}/${{first}}", query={"id": "one"}),
    # Export and import.
    get("ada", f"{_MODELS}/export"),
    get("ada", f"{_MODELS}/export", query={"ids": "one"}),
    get("ada", f"{_MODELS}/export", query={"ids": "nothing"}),
    refused_steps("anonymous pending bob", "GET", f"{_MODELS}/export"),
    post("ada", f"{_MODELS}/import", {"models": [_TWO, {**_ONE, "name": "One again"}]}, pause=1.1),
    post("ada", f"{_MODELS}/import", {"models": [{"name": "No id"}]}),
    post("ada", f"{_MODELS}/import", {"models": []}),
    post("ada", f"{_MODELS}/import", {}),
    refused_steps("anonymous pending bob", "POST", f"{_MODELS}/import", {"models": []}),
    get("ada", f"{_MODELS}/export", unordered=("$",), save={"models": "$"}),
    post(
        "ada",
        f"{_MODELS}/sync",
        {"models": [{**_TWO, "user_id": "x", "is_active": True, "updated_at": 1, "created_at": 1}]},
    ),
    post("ada", f"{_MODELS}/sync", {"models": [{"id": "x"}]}),
    refused_steps("anonymous bob", "POST", f"{_MODELS}/sync", {"models": []}),
    get("ada", f"{_MODELS}/list"),
    post("ada", f"{_MODELS}/sync", {}),
    get("ada", f"{_MODELS}/list"),
)
