"""Skills as records: created, read, changed, disabled, shared, cloned, deleted, by users with and without access."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_SKILLS = "/api/v1/skills"
_ONE = f"{_SKILLS}/id/letters"
_DEFAULT = "/api/v1/users/default/permissions"
_TEXT = "---\nname: letters\ndescription: Writes letters.\n---\n# Letters\nBe kind.\n"
_FORM = {
    "id": "Letters",
    "name": "Letters",
    "description": "Writes letters",
    "content": _TEXT,
    "meta": {"tags": ["writing"], "extra": 1},
}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "read"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}


def _set_workspace_permissions(**workspace: bool):
    return post("ada", _DEFAULT, Merged("${permissions}", {"workspace": Merged("${workspace}", workspace)}))


def _request_writes(who: str):
    """Request every operation that needs write access, by users without it."""
    return flatten_steps(
        refused_steps(who, "POST", f"{_ONE}/update", {**_FORM, "name": "Mine"}),
        refused_steps(who, "POST", f"{_ONE}/access/update", {"access_grants": []}),
        refused_steps(who, "POST", f"{_ONE}/toggle"),
        refused_steps(who, "DELETE", f"{_ONE}/delete"),
    )


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    refused_steps("anonymous pending bob", "POST", f"{_SKILLS}/create", _FORM),
    post("ada", f"{_SKILLS}/create", {"id": "half"}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "meta": {"tags": 1}}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "id": "a/b"}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "id": "../x"}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "files": [{"path": "SKILL.md", "content": "x", "more": 1}]}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "files": [{"path": "other.md", "content": "x"}]}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "files": [{"path": "../SKILL.md", "content": "x"}]}),
    post("ada", f"{_SKILLS}/create", {**_FORM, "files": [], "data": {"files": []}}),
    _set_workspace_permissions(skills_import=True),
    post("bob", f"{_SKILLS}/create", {"id": "A skill", "name": "A skill"}),
    get("bob", f"{_SKILLS}/id/a-skill"),
    delete("bob", f"{_SKILLS}/id/a-skill/delete"),
    _set_workspace_permissions(skills=True),
    post("bob", f"{_SKILLS}/create", {**_FORM, "access_grants": [_READ, _PUBLIC]}),
    post("ada", f"{_SKILLS}/create", _FORM),
    post("ada", f"{_SKILLS}/create", {**_FORM, "id": "other"}),
    get("bob", _ONE),
    get("ada", _ONE),
    get("ada", f"{_SKILLS}/id/nothing"),
    refused_steps("cy pending anonymous", "GET", _ONE),
    _request_writes("cy pending anonymous"),
    refused_steps("pending anonymous", "POST", f"{_ONE}/clone", {"id": "mine", "name": "Mine"}),
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("ada", f"{_ONE}/access/update", {}),
    get("cy", _ONE),
    get("cy", f"{_SKILLS}/"),
    get("cy", f"{_SKILLS}/list"),
    _request_writes("cy"),
    post("cy", f"{_ONE}/clone", {"id": "mine", "name": "Mine"}),
    post("cy", f"{_ONE}/clone", {"id": "mine", "name": "Mine"}),
    post("cy", f"{_ONE}/clone", {"id": "mine2", "name": "Mine", "version_id": "nothing"}),
    post("cy", f"{_ONE}/clone", {"id": "mine2"}),
    post("cy", f"{_SKILLS}/id/nothing/clone", {"id": "mine2", "name": "Mine 2"}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ, _WRITE]}, unordered=("$.access_grants",)),
    get("cy", _ONE, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/update", {**_FORM, "name": "Cy's letters"}, pause=1.1, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/toggle", unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/toggle", unordered=("$.access_grants",)),
    _set_workspace_permissions(skills=False),
    refused_steps("cy", "POST", f"{_ONE}/clone", {"id": "mine3", "name": "Mine 3"}),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_GROUP]}),
    get("cy", _ONE),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    get("cy", _ONE),
    _request_writes("cy"),
    # Changes.
    post("ada", f"{_ONE}/update", {"id": "x", "name": "Mine"}),
    post("ada", f"{_ONE}/update", {"id": "x", "name": "Letters", "is_active": False}, pause=1.1),
    post("ada", f"{_ONE}/update", {"id": "x", "name": "Letters", "content": "# New", "commit_message": "New"}),
    post("ada", f"{_ONE}/update", {"id": "x", "name": "Letters", "description": None, "meta": {}}),
    post("ada", f"{_ONE}/update", {}),
    post("ada", f"{_SKILLS}/id/nothing/update", _FORM),
    post("ada", f"{_SKILLS}/id/nothing/access/update", {"access_grants": []}),
    post("ada", f"{_SKILLS}/id/nothing/toggle"),
    delete("ada", f"{_SKILLS}/id/nothing/delete"),
    get("ada", f"{_SKILLS}/list", query={"order_by": "name", "direction": "asc"}),
    get("ada", f"{_SKILLS}/list", query={"query": "letter", "view_option": "shared"}),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("ada", f"{_SKILLS}/"),
)
