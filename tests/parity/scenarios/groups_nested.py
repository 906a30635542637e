"""Groups within groups: whose members count where, what is inherited, what is open to whom, what a deletion leaves."""

from parity.steps import delete, flat, get, post

_GROUPS = "/api/v1/groups"
_READ = {"principal_type": "group", "permission": "read"}


def _made(name: str, parent: str | None = None, **more: object) -> list[object]:
    body = {"name": name, "description": f"The {name}", "parent_group_id": parent, **more}
    return [post("ada", f"{_GROUPS}/create", body, save={name: "$.id"})]


def _model(name: str, group: str, **more: object) -> dict[str, object]:
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


STEPS = flat(
    *_made("school", permissions={"chat": {"delete": False, "temporary_enforced": True}}),
    *_made("class", "${school}", permissions={"workspace": {"models": True}}),
    *_made("row", "${class}", data={"config": {"default_models": ["demo-large", " demo-large ", "gone"]}}),
    post("ada", f"{_GROUPS}/id/${{school}}/users/add", {"user_ids": ["${bob.id}"]}),
    post("ada", f"{_GROUPS}/id/${{row}}/users/add", {"user_ids": ["${cy.id}", "${bob.id}"]}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", unordered=("$.items",)),
    get("ada", f"{_GROUPS}/id/${{school}}/members", query={"membership": "direct"}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", query={"membership": "inherited"}),
    get("ada", f"{_GROUPS}/id/${{school}}/members", query={"membership": "inherited", "query": "BOB"}),
    get("ada", f"{_GROUPS}/id/${{row}}/members", query={"query": "%"}),
    get("cy", "/api/v1/users/permissions"),
    get("bob", "/api/v1/users/permissions"),
    # Round in a circle, from either end.
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
    # What is open to whom.
    post("ada", "/api/v1/models/create", _model("open", "school")),
    post("ada", "/api/v1/models/create", _model("closer", "row")),
    post("ada", "/api/v1/models/create", _model("off", "row", is_active=False)),
    get("ada", f"{_GROUPS}/id/${{school}}/preview"),
    get("ada", f"{_GROUPS}/id/${{class}}/preview"),
    get("ada", f"{_GROUPS}/id/${{row}}/preview", unordered=("$.models.items",)),
    get("ada", "/api/v1/users/${cy.id}/preview", unordered=("$.groups", "$.models.items")),
    get("ada", "/api/v1/users/${ada.id}/preview", unordered=("$.models.items",)),
    # The group in the middle goes; the one below goes up.
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
