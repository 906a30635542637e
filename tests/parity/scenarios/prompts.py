"""Prompts: created, read, changed, disabled, shared, deleted, by users with and without access."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_PROMPTS = "/api/v1/prompts"
_ONE = f"{_PROMPTS}/id/${{prompt}}"
_DEFAULT = "/api/v1/users/default/permissions"
_HELLO = {
    "command": "hello",
    "name": "Hello",
    "content": "Say hello to {{name}}.",
    "meta": {"description": "Greets"},
    "tags": ["Greeting", "short"],
}
_READ = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_WRITE = {**_READ, "permission": "write"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "write"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}


def _set_workspace_permissions(**workspace: bool):
    changes = {"workspace": Merged("${workspace}", workspace)}
    return post("ada", _DEFAULT, Merged("${permissions}", changes))


def _request_everything(who: str):
    """Request every operation on one prompt, by users who may perform none of them."""
    return flatten_steps(
        refused_steps(who, "GET", _ONE),
        refused_steps(who, "POST", f"{_ONE}/update", {**_HELLO, "name": "Mine"}),
        refused_steps(who, "POST", f"{_ONE}/update/meta", {"name": "Mine", "command": "mine"}),
        refused_steps(who, "POST", f"{_ONE}/access/update", {"access_grants": []}),
        refused_steps(who, "POST", f"{_ONE}/toggle"),
        refused_steps(who, "DELETE", f"{_ONE}/delete"),
    )


STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "workspace": "$.workspace"}),
    refused_steps("anonymous pending bob", "POST", f"{_PROMPTS}/create", _HELLO),
    post("ada", f"{_PROMPTS}/create", {"command": "half"}),
    post("ada", f"{_PROMPTS}/create", {**_HELLO, "tags": "none"}),
    _set_workspace_permissions(prompts_import=True),
    post("bob", f"{_PROMPTS}/create", {**_HELLO, "command": "brought"}, save={"brought": "$.id"}),
    delete("bob", f"{_PROMPTS}/id/${{brought}}/delete"),
    _set_workspace_permissions(prompts=True),
    # Bob may create prompts, but not share them.
    post("bob", f"{_PROMPTS}/create", {**_HELLO, "access_grants": [_READ, _PUBLIC]}, save={"prompt": "$.id"}),
    post("ada", f"{_PROMPTS}/create", _HELLO),
    get("bob", _ONE),
    get("ada", _ONE),
    get("ada", f"{_PROMPTS}/id/nothing"),
    _request_everything("cy pending anonymous"),
    post("bob", f"{_ONE}/access/update", {"access_grants": [_READ]}),
    post("bob", f"{_ONE}/access/update", {"access_grants": "all"}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [{"principal_type": "robot"}, _READ, _READ]}),
    # Cy may read.
    get("cy", _ONE),
    get("cy", f"{_PROMPTS}/"),
    get("cy", f"{_PROMPTS}/list"),
    get("cy", f"{_PROMPTS}/tags"),
    refused_steps("cy", "POST", f"{_ONE}/update", {**_HELLO, "name": "Mine"}),
    refused_steps("cy", "POST", f"{_ONE}/toggle"),
    refused_steps("cy", "DELETE", f"{_ONE}/delete"),
    # Cy may write.
    post("ada", f"{_ONE}/access/update", {"access_grants": [_READ, _WRITE]}, unordered=("$.access_grants",)),
    get("cy", _ONE, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/update", {**_HELLO, "name": "Hello, Cy"}, pause=1.1, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/update/meta", {"name": "Hi", "command": "hi"}, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/update/meta", {"name": "Hi", "command": "hi", "tags": []}, unordered=("$.access_grants",)),
    post("cy", f"{_ONE}/access/update", {"access_grants": [_WRITE, _PUBLIC]}),
    # Access through a group.
    post("ada", f"{_ONE}/access/update", {"access_grants": []}),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_GROUP]}),
    get("cy", _ONE),
    post("cy", f"{_ONE}/toggle"),
    get("cy", f"{_PROMPTS}/"),
    get("cy", f"{_PROMPTS}/list"),
    get("cy", f"{_PROMPTS}/tags"),
    post("cy", f"{_ONE}/toggle"),
    # All users.
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    get("cy", _ONE),
    refused_steps("cy", "POST", f"{_ONE}/toggle"),
    # Changes and conflicts.
    post("ada", f"{_PROMPTS}/create", {**_HELLO, "command": "other", "data": {"a": 1}}, save={"other": "$.id"}),
    post("ada", f"{_PROMPTS}/id/${{other}}/update", {**_HELLO, "command": "hi"}),
    post("ada", f"{_PROMPTS}/id/${{other}}/update/meta", {"name": "Hi", "command": "hi"}),
    post("ada", f"{_PROMPTS}/id/${{other}}/update", {**_HELLO, "command": "else", "meta": {}, "data": {}}, pause=1.1),
    post("ada", f"{_PROMPTS}/id/nothing/update", _HELLO),
    post("ada", f"{_PROMPTS}/id/nothing/update/meta", {"name": "x", "command": "y"}),
    post("ada", f"{_PROMPTS}/id/nothing/access/update", {"access_grants": []}),
    post("ada", f"{_PROMPTS}/id/nothing/toggle"),
    delete("ada", f"{_PROMPTS}/id/nothing/delete"),
    post("ada", f"{_PROMPTS}/id/${{other}}/update", {}),
    post("ada", f"{_PROMPTS}/id/${{other}}/update/meta", {}),
    post("ada", f"{_PROMPTS}/id/${{other}}/access/update", {}),
    # Lists.
    get("ada", f"{_PROMPTS}/list", query={"order_by": "name", "direction": "asc"}),
    get("ada", f"{_PROMPTS}/list", query={"tag": "short"}),
    get("ada", f"{_PROMPTS}/list", query={"query": "hello", "view_option": "created"}),
    get("ada", f"{_PROMPTS}/list", query={"view_option": "shared"}),
    get("ada", f"{_PROMPTS}/tags"),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("ada", f"{_PROMPTS}/"),
)
