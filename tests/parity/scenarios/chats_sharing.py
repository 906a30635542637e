"""Shared chats: shared, granted, read by others, cloned, unshared."""

from parity.chats import make_chat
from parity.steps import Merged, delete, flatten_steps, get, post

_CHATS = "/api/v1/chats"
_ONE = "/api/v1/chats/${chat}"
_CY = {"principal_type": "user", "principal_id": "${cy.id}", "permission": "read"}
_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_PERMISSIONS = "/api/v1/users/default/permissions"

STEPS = flatten_steps(
    post("bob", f"{_CHATS}/new", {"chat": make_chat("Shown", ("See?", "I see."))}, save={"chat": "$.id"}),
    get("bob", f"{_CHATS}/shared"),
    post("bob", f"{_ONE}/share", save={"share": "$.share_id"}),
    get("bob", f"{_CHATS}/shared"),
    get("bob", f"{_CHATS}/shared", query={"query": "shown", "order_by": "title", "direction": "asc"}),
    get("bob", f"{_CHATS}/shared", query={"query": "nothing"}),
    get("bob", f"{_CHATS}/share/${{share}}"),
    get("cy", f"{_CHATS}/share/${{share}}"),
    get("ada", f"{_CHATS}/share/${{share}}"),
    get("anonymous", f"{_CHATS}/share/${{share}}"),
    get("pending", f"{_CHATS}/share/${{share}}"),
    get("bob", f"{_CHATS}/shared/${{chat}}/access"),
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {"access_grants": [_CY]}),
    get("bob", f"{_CHATS}/shared/${{chat}}/access"),
    get("cy", f"{_CHATS}/share/${{share}}"),
    get("cy", _ONE),
    post("cy", f"{_CHATS}/${{share}}/clone/shared"),
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {"access_grants": [_EVERYBODY]}),
    get("bob", f"{_CHATS}/shared/${{chat}}/access"),
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {"access_grants": [{"principal_type": "dog"}]}),
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {}),
    get("ada", _PERMISSIONS, save={"permissions": "$", "sharing": "$.sharing"}),
    post("ada", _PERMISSIONS, Merged("${permissions}", {"sharing": Merged("${sharing}", {"public_chats": True})})),
    post("bob", f"{_CHATS}/shared/${{chat}}/access/update", {"access_grants": [_EVERYBODY]}),
    get("cy", f"{_CHATS}/share/${{share}}"),
    # A share is a snapshot of the chat.
    post("bob", _ONE, {"chat": {"title": "Shown later"}}, pause=1.1),
    get("cy", f"{_CHATS}/share/${{share}}"),
    post("bob", f"{_ONE}/share"),
    get("cy", f"{_CHATS}/share/${{share}}"),
    post("bob", f"{_ONE}/share", {"share_mode": "continue"}),
    get("cy", f"{_CHATS}/share/${{share}}"),
    post("bob", f"{_ONE}/clone/shared"),
    delete("bob", f"{_ONE}/share"),
    delete("bob", f"{_ONE}/share"),
    get("cy", f"{_CHATS}/share/${{share}}"),
    get("bob", _ONE),
    post("bob", f"{_ONE}/share"),
    delete("bob", f"{_CHATS}/share/all"),
    delete("bob", f"{_CHATS}/share/all"),
    get("bob", f"{_CHATS}/shared"),
)
