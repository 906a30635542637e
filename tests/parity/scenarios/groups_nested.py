"""Nested groups: membership, inheritance, access, and the effect of a deletion."""

from parity.steps import delete, flatten_steps, get, post

_GROUPS = "/api/v1/groups"
_READ = {"principal_type": "group", "permission": "read"}


def _create_group(name: str, parent: str | None = None, **more: object) -> list[object]:
    body = {"name": name, "description": f"The {name}", "parent_group_id": parent, **more}
    return [post("ada", f"{_GROUPS}/create", body, save={name: "$.id"})]


def _make_model(name: str, group: str, **more: object) -> dict[str, object]:
    grants = [{**_READ, "principal_id": f"${{{group}}}"}]
    return {
        "id": name,
        "base_model_id": "demo-small",
        "name": name.title(),
        "meta": {},
        "params": {},
        "access_grants": grants,
        **more,
    }


STEPS = flatten_steps(
    *_create_group("school", permissions={"chat": {"delete": False, "temporary_enforced": True}}),
    *_create_group("class", "${school}", permissions={"workspace": {"models": True}}),
    *_create_group("row", "${class}", data={"config": {"default_models": ["demo-large", " demo-large ", "gone"]}}),
    post("ada", f"{_GROUPS}/id/${{school}}/users/add", {"user_ids": ["${bob.id}"]}),
    post("ada", f"{_GROUPS}/id/${{row}}/users/add", {"user_ids": ["${cy.id}", "${bob.id}"]}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", unordered=("$.items",)),
    get("ada", f"{_GROUPS}/id/${{school}}/members", query={"membership": "direct"}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", query={"membership": "inherited"}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", query={"membership": "inherited", "query": "BOB"}),
    get("ada", f"{_GROUPS}/id/${{row}}/members", query={"query": "%"}),
    get("cy", "/api/v1/users/permissions"),
    get("bob", "/api/v1/users/permissions"),
    # A circle of groups, from either end.
    post(
        "ada",
        f"{_GROUPS}/id/${{school}}/update",
        {"name": "school", "description": "", "parent_group_id": "${row}"},
    ),
    post(
        "ada",
        f"{_GROUPS}/id/${{school}}/update",
        {"name": "school", "description": "", "parent_group_id": "${school}"},
    ),
    post("ada", f"{_GROUPS}/id/${{school}}/update", {"name": "school", "description": "", "parent_group_id": ""}),
    # Access to models.
    post("ada", "/api/v1/models/create", _make_model("open", "school")),
    post("ada", "/api/v1/models/create", _make_model("closer", "row")),
    post("ada", "/api/v1/models/create", _make_model("off", "row", is_active=False)),
    get("ada", f"{_GROUPS}/id/${{school}}/preview"),
    get("ada", f"{_GROUPS}/id/${{class}}/preview"),
    get("ada", f"{_GROUPS}/id/${{row}}/preview", unordered=("$.models.items",)),
    get("ada", "/api/v1/users/${cy.id}/preview", unordered=("$.groups", "$.models.items")),
    get("ada", "/api/v1/users/${ada.id}/preview", unordered=("$.models.items",)),
    # The middle group is deleted; its child moves up.
    delete("ada", f"{_GROUPS}/id/${{class}}/delete"),
    get("ada", f"{_GROUPS}/id/${{row}}"),
    get("cy", "/api/v1/users/permissions"),
    get("ada", f"{_GROUPS}/id/${{school}}/members", unordered=("$.items",)),
    post("ada", f"{_GROUPS}/id/${{row}}/update", {"name": "row", "description": "", "parent_group_id": None}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", unordered=("$.items",)),
    get("ada", f"{_GROUPS}/id/${{row}}/preview", unordered=("$.models.items",)),
    delete("ada", f"{_GROUPS}/id/${{school}}/delete"),
    get("cy", "/api/v1/users/permissions"),
    get("ada", "/api/v1/models/model", query={"id": "open"}),
)
