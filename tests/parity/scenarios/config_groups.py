"""Default models of the page: those of a group come before the general ones; only accessible models are listed."""

from parity.steps import delete, flatten_steps, get, post

_GROUP = "/api/v1/groups/id/${group}"
_DEFAULTS = {"name": "Poets", "description": "", "data": {"config": {"default_models": ["demo-large", "gone"]}}}
_ELDERS = {"name": "Elders", "description": "", "data": {"config": {"default_models": ["demo-reasoner"]}}}
_GRANT = {"principal_type": "user", "principal_id": "*", "permission": "read"}

STEPS = flatten_steps(
    post(
        "ada",
        "/api/v1/configs/models",
        {"DEFAULT_MODELS": "demo-small", "DEFAULT_PINNED_MODELS": None, "MODEL_ORDER_LIST": []},
    ),
    post("ada", "/api/v1/groups/create", _DEFAULTS, save={"group": "$.id"}),
    post("ada", f"{_GROUP}/update", _DEFAULTS),
    post("ada", f"{_GROUP}/users/add", {"user_ids": ["${bob.id}"]}),
    get("bob", "/api/config", query={"of": "${group}"}),
    post("ada", "/api/v1/models/model/access/update", {"id": "demo-large", "access_grants": [_GRANT]}),
    get("bob", "/api/config", query={"of": "${group}"}),
    get("cy", "/api/config", query={"of": "${group}"}),
    post("ada", "/api/v1/groups/create", {**_ELDERS, "parent_group_id": "${group}"}, save={"elders": "$.id"}),
    post("ada", "/api/v1/groups/id/${elders}/update", {**_ELDERS, "parent_group_id": "${group}"}),
    post("ada", "/api/v1/groups/id/${elders}/users/add", {"user_ids": ["${cy.id}", "${ada.id}"]}),
    get("cy", "/api/config", query={"of": "${group}"}),
    get("ada", "/api/config", query={"of": "${group}"}),
    post("ada", "/api/v1/models/create", {"id": "demo-reasoner", "name": "R", "meta": {"hidden": True}, "params": {}}),
    get("ada", "/api/config", query={"of": "${group}"}),
    delete("ada", "/api/v1/groups/id/${elders}/delete"),
    get("ada", "/api/config", query={"of": "${group}"}),
)
