"""Workspace models of users who are not administrators: created, shared, exported and imported, by permission."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_MODELS = "/api/v1/models"
_DEFAULT = "/api/v1/users/default/permissions"
_MINE = {
    "id": "bobs",
    "base_model_id": "demo-small",
    "name": "Bob's",
    "meta": {"description": "Mine", "tags": [{"name": "Bob"}]},
    "params": {"system": "Be Bob."},
}
_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_CY = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "write"}
_FULL = {**_MINE, "user_id": "x", "is_active": True, "updated_at": 1, "created_at": 1}


def _set_workspace_permissions(**workspace: bool) -> object:
    return post("ada", _DEFAULT, Merged("${permissions}", {"workspace": Merged("${workspace}", workspace)}))


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace", "sharing": "$.sharing"}),
    refused_steps("bob", "POST", f"{_MODELS}/create", _MINE),
    _set_workspace_permissions(models=True),
    post("bob", f"{_MODELS}/create", {**_MINE, "access_grants": [_EVERYBODY]}),
    post("bob", f"{_MODELS}/create", _MINE),
    post("bob", f"{_MODELS}/create", {**_MINE, "id": "demo-small"}),
    post("bob", f"{_MODELS}/create", {**_MINE, "id": "baseless", "base_model_id": None}),
    post("bob", f"{_MODELS}/create", {"id": "baseless", "name": "x", "meta": {}, "params": {}}),
    get("bob", f"{_MODELS}/list"),
    get("cy", f"{_MODELS}/list"),
    get("ada", f"{_MODELS}/list", query={"query": "bob@example"}),
    get("bob", f"{_MODELS}/tags"),
    get("cy", f"{_MODELS}/tags"),
    get("bob", f"{_MODELS}/model", query={"id": "bobs"}),
    post("bob", f"{_MODELS}/model/update", {**_MINE, "base_model_id": None}),
    post("bob", f"{_MODELS}/model/update", {**_MINE, "name": "Bob's own"}, pause=1.1),
    post("bob", f"{_MODELS}/model/access/update", {"id": "bobs", "access_grants": [_EVERYBODY, _CY]}),
    post("bob", f"{_MODELS}/model/access/update", {"id": "bobs", "access_grants": [{"principal_type": "user"}]}),
    post("bob", f"{_MODELS}/model/access/update", {"id": "bobs", "access_grants": "all"}),
    get("cy", f"{_MODELS}/model", query={"id": "bobs"}),
    get("cy", f"{_MODELS}/list"),
    get("cy", f"{_MODELS}/list", query={"view_option": "shared"}),
    post("cy", f"{_MODELS}/model/toggle", query={"id": "bobs"}),
    get("bob", "/api/models"),
    post("cy", f"{_MODELS}/model/toggle", query={"id": "bobs"}),
    get("cy", f"{_MODELS}/model/history", query={"id": "bobs"}, unordered=("$",)),
    # Public sharing needs its own permission.
    post(
        "ada",
        _DEFAULT,
        Merged(
            "${permissions}",
            {
                "workspace": Merged("${workspace}", {"models": True, "models_import": True, "models_export": True}),
                "sharing": Merged("${sharing}", {"models": True, "public_models": True}),
            },
        ),
    ),
    post("bob", f"{_MODELS}/model/access/update", {"id": "bobs", "access_grants": [_EVERYBODY, _CY]}),
    get("cy", f"{_MODELS}/list"),
    get("ada", "/api/models"),
    get("cy", "/api/models"),
    # Export and import.
    get("bob", f"{_MODELS}/export"),
    get("cy", f"{_MODELS}/export"),
    get("cy", f"{_MODELS}/export", query={"ids": "bobs"}),
    post("ada", f"{_MODELS}/create", {**_MINE, "id": "adas", "name": "Ada's"}),
    get("cy", f"{_MODELS}/export", query={"ids": "adas"}),
    post("bob", f"{_MODELS}/import", {"models": [{**_MINE, "id": "adas"}]}),
    post("bob", f"{_MODELS}/import", {"models": [{**_MINE, "id": "demo-large"}]}),
    post("bob", f"{_MODELS}/import", {"models": [{**_MINE, "id": "second", "base_model_id": None}]}),
    post(
        "bob",
        f"{_MODELS}/import",
        {"models": [{**_MINE, "id": "second"}, {"id": "half"}]},
        ignore=("$.detail",),
        why="the words of a library, with an address of its documentation",
    ),
    post("bob", f"{_MODELS}/import", {"models": [{**_MINE, "id": "third", "name": "Third"}]}),
    get("bob", f"{_MODELS}/export", unordered=("$",)),
    get("bob", f"{_MODELS}/model", query={"id": "second"}),
    refused_steps("bob", "POST", f"{_MODELS}/sync", {"models": [_FULL]}),
    refused_steps("pending", "POST", f"{_MODELS}/sync", {"models": []}),
    post("cy", f"{_MODELS}/model/delete", {"id": "adas"}),
    post("cy", f"{_MODELS}/model/delete", {"id": "bobs"}),
    refused_steps("anonymous pending bob", "DELETE", f"{_MODELS}/delete/all"),
    delete("ada", f"{_MODELS}/delete/all"),
    get("ada", f"{_MODELS}/all"),
)
