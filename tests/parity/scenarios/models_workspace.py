"""Models of the workspace: created, listed, read, changed, disabled, granted, deleted."""

from parity.steps import delete, flatten_steps, get, post, refused_steps

_MODELS = "/api/v1/models"
_HELPER = {
    "id": "helper",
    "base_model_id": "demo-small",
    "name": "Helper",
    "meta": {"description": "Helps.", "profile_image_url": "/static/favicon.png", "tags": [{"name": "Daily"}]},
    "params": {"system": "Be kind.", "temperature": 0.1},
    "access_grants": [],
    "is_active": True,
}
_READ = {"principal_type": "user", "principal_id": "${bob.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}

STEPS = flatten_steps(
    get("ada", f"{_MODELS}/list"),
    get("bob", f"{_MODELS}/list"),
    refused_steps("anonymous pending", "GET", f"{_MODELS}/list"),
    post("ada", f"{_MODELS}/create", _HELPER),
    post("ada", f"{_MODELS}/create", _HELPER),
    post("ada", f"{_MODELS}/create", {**_HELPER, "id": "x" * 257}),
    post("ada", f"{_MODELS}/create", {**_HELPER, "id": "with space"}),
    post("ada", f"{_MODELS}/create", {**_HELPER, "id": ""}),
    post("ada", f"{_MODELS}/create", {"id": "half"}),
    post(
        "ada", f"{_MODELS}/create", {"id": "selfish", "base_model_id": "selfish", "name": "S", "meta": {}, "params": {}}
    ),
    refused_steps("anonymous pending bob", "POST", f"{_MODELS}/create", {**_HELPER, "id": "bobs"}),
    get("ada", f"{_MODELS}/list"),
    get("ada", f"{_MODELS}/list", query={"query": "help", "order_by": "name", "direction": "asc", "page": 1}),
    get("ada", f"{_MODELS}/list", query={"tag": "Daily"}),
    get("ada", f"{_MODELS}/list", query={"view_option": "created"}),
    get("ada", f"{_MODELS}/list", query={"view_option": "shared", "page": 2}),
    get("bob", f"{_MODELS}/list"),
    get("ada", f"{_MODELS}/all", unordered=("$",)),
    get("ada", f"{_MODELS}/base"),
    get("ada", f"{_MODELS}/base/tags"),
    get("ada", f"{_MODELS}/tags"),
    get("bob", f"{_MODELS}/tags"),
    refused_steps("anonymous pending bob", "GET", f"{_MODELS}/all"),
    refused_steps("anonymous bob", "GET", f"{_MODELS}/base"),
    refused_steps("anonymous bob", "GET", f"{_MODELS}/base/tags"),
    refused_steps("anonymous pending", "GET", f"{_MODELS}/tags"),
    get("ada", f"{_MODELS}/model", query={"id": "helper"}),
    get("ada", f"{_MODELS}/model", query={"id": "nothing"}),
    get("ada", f"{_MODELS}/model"),
    refused_steps("anonymous pending bob", "GET", f"{_MODELS}/model", query={"id": "helper"}),
    # Pictures.
    get("ada", f"{_MODELS}/model/profile/image", query={"id": "helper"}),
    get("bob", f"{_MODELS}/model/profile/image", query={"id": "helper"}),
    get("bob", f"{_MODELS}/model/profile/image", query={"id": "nothing"}),
    refused_steps("anonymous", "GET", f"{_MODELS}/model/profile/image", query={"id": "helper"}),
    # Reads by all users.
    get("ada", "/api/models", query={"refresh": True}),
    get("bob", "/api/models"),
    # Grants.
    post("ada", f"{_MODELS}/model/access/update", {"id": "helper", "access_grants": [_READ]}),
    get("bob", f"{_MODELS}/model", query={"id": "helper"}),
    get("bob", f"{_MODELS}/list"),
    get("bob", "/api/models"),
    refused_steps("anonymous bob", "POST", f"{_MODELS}/model/update", _HELPER),
    refused_steps("anonymous bob", "POST", f"{_MODELS}/model/access/update", {"id": "helper", "access_grants": []}),
    refused_steps("anonymous bob", "POST", f"{_MODELS}/model/toggle", query={"id": "helper"}),
    refused_steps("anonymous bob", "POST", f"{_MODELS}/model/delete", {"id": "helper"}),
    post("ada", f"{_MODELS}/model/access/update", {"id": "helper", "access_grants": [_WRITE]}),
    get("bob", f"{_MODELS}/model", query={"id": "helper"}),
    post("bob", f"{_MODELS}/model/update", {**_HELPER, "name": "Bob's helper"}, pause=1.1),
    post("ada", f"{_MODELS}/model/access/update", {"id": "demo-large", "access_grants": []}),
    post("ada", f"{_MODELS}/model/access/update", {"access_grants": []}),
    post("bob", f"{_MODELS}/model/access/update", {"id": "nothing", "access_grants": []}),
    # Changes.
    post("ada", f"{_MODELS}/model/update", {**_HELPER, "meta": {"capabilities": {"vision": True}}}, pause=1.1),
    post("ada", f"{_MODELS}/model/update", {**_HELPER, "id": "nothing"}),
    post("ada", f"{_MODELS}/model/update", {"id": "helper"}),
    post("ada", f"{_MODELS}/model/toggle", query={"id": "helper"}),
    get("ada", "/api/models"),
    post("ada", f"{_MODELS}/model/toggle", query={"id": "helper"}),
    post("ada", f"{_MODELS}/model/toggle", query={"id": "nothing"}),
    post("ada", f"{_MODELS}/model/toggle"),
    post("ada", f"{_MODELS}/model/delete", {"id": "nothing"}),
    post("ada", f"{_MODELS}/model/delete", {}),
    post("ada", f"{_MODELS}/model/delete", {"id": "helper"}),
    refused_steps("anonymous bob", "DELETE", f"{_MODELS}/delete/all"),
    delete("ada", f"{_MODELS}/delete/all"),
    get("ada", f"{_MODELS}/list"),
)
