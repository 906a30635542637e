"""Folders that others may read or write, and the chats in them."""

from parity.chats import make_chat
from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_FOLDERS = "/api/v1/folders"
_ONE = "/api/v1/folders/${team}"
_PERMISSIONS = "/api/v1/users/default/permissions"


def _grant_cy(permission: str) -> dict[str, object]:
    grant = {"principal_type": "user", "principal_id": "${cy.id}", "permission": permission}
    return {"access_grants": [grant]}


STEPS = flatten_steps(
    get("ada", _PERMISSIONS, save={"permissions": "$", "sharing": "$.sharing"}),
    post("bob", f"{_FOLDERS}/", {"name": "Team"}, save={"team": "$.id"}),
    post(
        "bob",
        "/api/v1/chats/new",
        {"chat": make_chat("Together", ("We?", "We.")), "folder_id": "${team}"},
        save={"chat": "$.id"},
    ),
    post("bob", f"{_ONE}/access/update", _grant_cy("read")),
    get("cy", f"{_FOLDERS}/shared"),
    post("ada", _PERMISSIONS, Merged("${permissions}", {"sharing": Merged("${sharing}", {"folders": True})})),
    post("bob", f"{_ONE}/access/update", _grant_cy("read")),
    post("bob", f"{_ONE}/access/update", {}),
    post("bob", f"{_FOLDERS}/nothing/access/update", _grant_cy("read")),
    refused_steps("anonymous cy", "POST", f"{_ONE}/access/update", _grant_cy("write")),
    get("cy", f"{_FOLDERS}/shared"),
    get("bob", f"{_FOLDERS}/shared"),
    refused_steps("anonymous pending", "GET", f"{_FOLDERS}/shared"),
    get("cy", _ONE),
    get("cy", f"{_ONE}/shared/chats"),
    get("cy", f"{_ONE}/shared/chats", query={"page": 1}),
    get("cy", f"{_ONE}/shared/chats", query={"page": 0}),
    get("bob", f"{_ONE}/shared/chats", query={"page": 1, "sort_by": "title", "sort_dir": "asc"}),
    get("ada", f"{_ONE}/shared/chats"),
    get("cy", f"{_FOLDERS}/nothing/shared/chats"),
    refused_steps("anonymous pending", "GET", f"{_ONE}/shared/chats"),
    get("cy", "/api/v1/chats/${chat}"),
    post("cy", "/api/v1/chats/${chat}", {"chat": {"title": "Mine now"}}),
    post("cy", f"{_ONE}/update", {"name": "Cy's"}),
    post("cy", f"{_ONE}/update/expanded", {"is_expanded": True}),
    post("cy", f"{_ONE}/read"),
    post("cy", f"{_FOLDERS}/", {"name": "Sub", "parent_id": "${team}"}),
    delete("cy", _ONE),
    post("bob", f"{_ONE}/access/update", {**_grant_cy("write"), "share_mode": "continue"}),
    get("cy", _ONE),
    get("cy", f"{_ONE}/shared/chats"),
    get("cy", "/api/v1/chats/${chat}"),
    post("cy", "/api/v1/chats/${chat}", {"chat": {"title": "Ours now"}}),
    post("cy", "/api/v1/chats/new", {"chat": make_chat("Cy's own", ("I?", "You.")), "folder_id": "${team}"}),
    post("cy", f"{_ONE}/update", {"name": "Everybody's"}),
    post("cy", f"{_FOLDERS}/", {"name": "Sub", "parent_id": "${team}"}),
    get("bob", f"{_ONE}/shared/chats", unordered=("$.chats",)),
    post("bob", f"{_ONE}/access/update", {"access_grants": []}),
    get("cy", f"{_FOLDERS}/shared"),
    refused_steps("cy", "GET", _ONE),
    delete("ada", _ONE),
)
