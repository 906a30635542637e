"""Default permissions of all users, and permissions added by a group."""

from parity.steps import Merged, flatten_steps, get, post, refused_steps

_DEFAULT = "/api/v1/users/default/permissions"

STEPS = flatten_steps(
    get("ada", _DEFAULT, save={"permissions": "$", "chat": "$.chat"}),
    get("ada", f"{_DEFAULT}/defaults"),
    refused_steps("anonymous pending bob", "GET", _DEFAULT),
    refused_steps("anonymous pending bob", "GET", f"{_DEFAULT}/defaults"),
    post("ada", _DEFAULT, {}),
    post("ada", _DEFAULT, {"workspace": {"models": "perhaps"}}),
    post("ada", _DEFAULT, Merged("${permissions}", {"chat": Merged("${chat}", {"edit": "no", "nonsense": 1})})),
    post("ada", _DEFAULT, Merged("${permissions}", {"chat": {}, "features": 1, "settings": {"interface": 2}})),
    post("ada", _DEFAULT, "${permissions}"),
    refused_steps("anonymous pending bob", "POST", _DEFAULT, {}),
    post("ada", _DEFAULT, Merged("${permissions}", {"chat": Merged("${chat}", {"delete": False, "import": False})})),
    get("bob", "/api/v1/users/permissions"),
    post("bob", "/api/v1/chats/new", {"chat": {"title": "One"}}, save={"chat.id": "$.id"}),
    refused_steps("bob", "DELETE", "/api/v1/chats/${chat.id}"),
    refused_steps("bob", "DELETE", "/api/v1/chats/"),
    refused_steps("bob", "POST", "/api/v1/chats/import", {"chats": []}),
    refused_steps("bob", "POST", "/api/v1/chats/${chat.id}/clone", {}),
    post(
        "ada",
        "/api/v1/groups/create",
        {"name": "Cleaners", "description": "", "permissions": {"chat": {"delete": True}}},
        save={"group": "$.id"},
    ),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}"]}),
    get("bob", "/api/v1/users/permissions"),
    get("bob", "/api/v1/users/groups"),
    get("ada", "/api/v1/users/${bob.id}/groups"),
    get("ada", "/api/v1/users/", query={"query": "bob"}),
    # A user outside of the group.
    post(
        "ada",
        "/api/v1/groups/create",
        {"name": "Above", "description": "", "permissions": {"features": {"api_keys": True}, "more": {"own": 1}}},
        save={"above": "$.id"},
    ),
    refused_steps("bob", "POST", "/api/v1/auths/api_key"),
    post(
        "ada",
        "/api/v1/groups/id/${group}/update",
        {"name": "Cleaners", "description": "", "parent_group_id": "${above}", "permissions": {"chat": {}}},
    ),
    get("bob", "/api/v1/users/permissions"),
    post("bob", "/api/v1/auths/api_key", save={"bob.key": "$.api_key"}),
    get("key:bob.key", "/api/v1/users/groups"),
    get("bob", "/api/v1/users/groups", query={"include_inherited": True}, unordered=("$",)),
    get("ada", "/api/v1/users/${bob.id}/groups", query={"include_inherited": True}, unordered=("$",)),
    post("ada", "/api/v1/groups/id/${group}/users/remove", {"user_ids": ["${bob.id}"]}),
    get("bob", "/api/v1/users/permissions"),
    get("key:bob.key", "/api/v1/users/groups"),
    refused_steps("anonymous pending", "GET", "/api/v1/users/groups"),
    get("bob", "/api/v1/users/groups", query={"include_inherited": "x"}),
)
