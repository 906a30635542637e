"""Workspace models with knowledge: deleting knowledge removes it from them; its events are published."""

from parity.steps import delete, flatten_steps, get, post

_ALL = "/api/v1/knowledge"
_MODELS = "/api/v1/models"


def _make_item(name: str):
    return {"id": f"${{{name}}}", "name": name.title(), "type": "collection", "description": "d"}


STEPS = flatten_steps(
    post("ada", f"{_ALL}/create", {"name": "Birds", "description": "d"}, save={"birds": "$.id"}),
    post("ada", f"{_ALL}/create", {"name": "Ants", "description": "d"}, save={"ants": "$.id"}),
    post(
        "ada",
        f"{_MODELS}/create",
        {
            "id": "both",
            "name": "Both",
            "base_model_id": "demo-small",
            "meta": {"knowledge": [_make_item("birds"), _make_item("ants")], "description": "kept"},
            "params": {"system": "Be kind."},
        },
    ),
    post(
        "ada",
        f"{_MODELS}/create",
        {
            "id": "one",
            "name": "One",
            "base_model_id": "demo-small",
            "meta": {"knowledge": [_make_item("birds")]},
            "params": {},
        },
    ),
    post(
        "ada",
        f"{_MODELS}/create",
        {"id": "none", "name": "None", "base_model_id": "demo-small", "meta": {"knowledge": None}, "params": {}},
    ),
    delete("ada", f"{_ALL}/${{birds}}/delete", pause=1.1),
    get("ada", f"{_MODELS}/model", query={"id": "both"}),
    get("ada", f"{_MODELS}/model", query={"id": "one"}),
    get("ada", f"{_MODELS}/model", query={"id": "none"}),
    get("ada", f"{_MODELS}/model/history", query={"id": "both"}),
    post("ada", f"{_ALL}/metadata/reindex"),
    post("ada", f"{_ALL}/reindex"),
)
