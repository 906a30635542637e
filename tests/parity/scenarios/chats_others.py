"""Access to chats in shared folders, and to shares that others may continue."""

from parity.chats import make_chat
from parity.steps import Merged, delete, flatten_steps, get, patch, post

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"
_FOLDERS = "/api/v1/folders"
_PERMISSIONS = "/api/v1/users/default/permissions"
_CY = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_CY_WRITES = {**_CY, "permission": "write"}

_BY_CY = [
    get("cy", _ONE),
    get("cy", f"{_ONE}/tags"),
    post("cy", _ONE, {"chat": {"title": "Cy's"}}),
    post("cy", f"{_ONE}/messages/u1", {"content": "x"}),
    delete("cy", f"{_ONE}/messages/u1"),
    post("cy", f"{_ONE}/messages/u1/event", {"type": "status", "data": {}}),
    post("cy", f"{_ONE}/messages/a1/resolve", {"call_id": "c", "action": "reject"}),
    post("cy", f"{_ONE}/tags", {"name": "x"}),
    delete("cy", f"{_ONE}/tags", {"name": "x"}),
    post("cy", f"{_ONE}/pin"),
    get("cy", f"{_ONE}/pinned"),
    post("cy", f"{_ONE}/archive"),
    post("cy", f"{_ONE}/clone", {}),
    post("cy", f"{_ONE}/fork", {"message_id": "a1"}),
    post("cy", f"{_ONE}/folder", {"folder_id": None}),
    post("cy", f"{_ONE}/unread"),
    patch("cy", f"{_ONE}/params", {"seed": 1}),
    post("cy", f"{_ONE}/compact", {}),
    post("cy", f"{_ONE}/share"),
    delete("cy", f"{_ONE}/share"),
    get("cy", f"{_CHATS}/stats/export/${{chat}}"),
    get("cy", f"{_CHATS}/shared/${{chat}}/access"),
    delete("cy", _ONE),
]

STEPS = flatten_steps(
    get("ada", _PERMISSIONS, save={"permissions": "$", "sharing": "$.sharing"}, ignore=("$",), why="asked elsewhere"),
    post(
        "ada",
        _PERMISSIONS,
        Merged("${permissions}", {"sharing": Merged("${sharing}", {"folders": True, "public_chats": True})}),
        ignore=("$",),
        why="asked elsewhere",
    ),
    post("bob", f"{_FOLDERS}/", {"name": "Team"}, save={"team": "$.id"}),
    post("bob", f"{_FOLDERS}/", {"name": "Below", "parent_id": "${team}"}, save={"below": "$.id"}, pause=1.1),
    post("bob", f"{_FOLDERS}/", {"name": "Private"}, save={"private": "$.id"}, pause=1.1),
    post(
        "bob",
        f"{_CHATS}/new",
        {
            "chat": make_chat("Together", ("We?", "We."), ("Still?", "Yes."), params={"seed": 7}, tool_ids=["t"]),
            "folder_id": "${below}",
            "variables": {"CITY": "Rome"},
        },
        save={"chat": "$.id"},
    ),
    post("bob", f"{_ONE}/tags", {"name": "Team talk"}),
    # Without any share.
    *_BY_CY,
    # A readable folder.
    post("bob", f"{_FOLDERS}/${{team}}/access/update", {"access_grants": [_CY]}),
    *_BY_CY,
    # A writable folder, in which users continue each other's chats.
    post("bob", f"{_FOLDERS}/${{team}}/access/update", {"access_grants": [_CY, _CY_WRITES], "share_mode": "continue"}),
    post("bob", f"{_FOLDERS}/${{below}}/update", {"data": {"share_mode": "continue"}}),
    *_BY_CY,
    # Cy's chat in Bob's folder: Bob names and moves it within the tree.
    post(
        "cy",
        f"{_CHATS}/new",
        {"chat": make_chat("Cy's own", ("I?", "You."), params={"seed": 3}), "folder_id": "${below}"},
        save={"cys": "$.id"},
    ),
    get("bob", f"{_CHATS}/${{cys}}"),
    post("bob", f"{_CHATS}/${{cys}}", {"chat": {"title": "  Ours  "}}),
    post("bob", f"{_CHATS}/${{cys}}", {"chat": {"title": " "}}),
    post("bob", f"{_CHATS}/${{cys}}", {"chat": {"title": 1}}),
    post("bob", f"{_CHATS}/${{cys}}", {"chat": {"title": "x", "models": []}}),
    post("bob", f"{_CHATS}/${{cys}}", {"chat": {"title": "x"}, "variables": {}}),
    post("bob", f"{_CHATS}/${{cys}}/folder", {"folder_id": "${team}"}),
    post("bob", f"{_CHATS}/${{cys}}/folder", {"folder_id": "${private}"}),
    post("bob", f"{_CHATS}/${{cys}}/folder", {"folder_id": None}),
    post("ada", f"{_CHATS}/${{cys}}/folder", {"folder_id": "${below}"}),
    post("bob", f"{_CHATS}/${{cys}}/unread"),
    get("bob", f"{_FOLDERS}/${{team}}/shared/chats", unordered=("$.chats",)),
    delete("bob", f"{_CHATS}/${{cys}}"),
    get("bob", f"{_CHATS}/folder/${{team}}"),
    get("cy", f"{_CHATS}/folder/${{team}}/list"),
    # A share that others may continue, without a folder.
    post("bob", f"{_FOLDERS}/${{team}}/access/update", {"access_grants": []}),
    get("cy", _ONE),
    post("bob", f"{_ONE}/share", {"share_mode": "continue"}, save={"share": "$.share_id"}),
    get("cy", f"{_CHATS}/share/${{share}}"),
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {"access_grants": [_CY], "share_mode": "continue"}),
    get("cy", f"{_CHATS}/share/${{share}}"),
    *_BY_CY,
    post("bob", f"{_ONE}/messages/a2", {"content": "Changed since."}),
    get("cy", f"{_CHATS}/share/${{share}}"),
    post("cy", f"{_CHATS}/${{share}}/clone/shared"),
    post("cy", f"{_CHATS}/${{share}}/fork", {}),
    # No longer continuable: the share shows the last state of the chat.
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {"access_grants": [_CY], "share_mode": None}),
    get("cy", _ONE),
    get("cy", f"{_CHATS}/share/${{share}}"),
    get("bob", f"{_CHATS}/share/${{share}}"),
    get("ada", f"{_CHATS}/share/${{share}}"),
    post("cy", f"{_CHATS}/${{share}}/fork", {"message_id": "a1"}),
    post("cy", f"{_CHATS}/${{share}}/fork", {"message_id": "gone"}),
    post("cy", f"{_CHATS}/${{share}}/clone/shared"),
    # Open to all users.
    post(
        "bob",
        f"{_CHATS}/shared/${{chat}}/access/update",
        {"access_grants": [{"principal_type": "anyone", "principal_id": "*", "permission": "read"}]},
    ),
    get("anonymous", f"{_CHATS}/share/${{share}}"),
    get("pending", f"{_CHATS}/share/${{share}}"),
    post("cy", f"{_CHATS}/${{share}}/clone/shared"),
    # Administrators.
    get("ada", _ONE),
    get("ada", f"{_ONE}/tags"),
    post("ada", f"{_ONE}/fork", {}),
    post("ada", f"{_CHATS}/${{chat}}/clone/shared"),
    post("ada", f"{_ONE}/messages/a1/event", {"type": "replace", "data": {"content": "By Ada."}}),
    delete("ada", f"{_ONE}/messages/u2"),
    get("ada", f"{_CHATS}/shared/${{chat}}/access"),
    post("ada", _ONE, {"chat": {"title": "Ada's"}}),
    patch("ada", f"{_ONE}/params", {}),
    post("ada", f"{_ONE}/compact", {}),
    delete("ada", _ONE),
    get("bob", _ONE),
    get("bob", f"{_CHATS}/all/tags"),
)
