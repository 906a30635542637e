"""Who may do what in channels: granted users, users without the permission for channels, and hidden group channels."""

from parity.channels import CHANNELS, IDS, LISTS, READ, WHY, WRITE, enable_channels
from parity.steps import Merged, Step, delete, flatten_steps, get, post

_CREATE = f"{CHANNELS}/create"
_PERMISSIONS = "/api/v1/users/default/permissions"
_MAY_READ = {**READ, "principal_id": "${cy.id}"}
_MAY_WRITE = {**WRITE, "principal_id": "${bob.id}"}
_TOKEN, _RANDOM = ("$.token",), "tokens are random"


def _request_reads(who: str, channel: str, message: str) -> list[Step]:
    path = f"{CHANNELS}/{channel}"
    return flatten_steps(
        get(who, path, unordered=LISTS, ignore=IDS, why=WHY),
        get(who, f"{path}/members", query={"order_by": "name", "direction": "asc"}),
        get(who, f"{path}/messages"),
        get(who, f"{path}/messages/pinned"),
        get(who, f"{path}/messages/{message}"),
        get(who, f"{path}/messages/{message}/data"),
        get(who, f"{path}/messages/{message}/thread"),
        get(who, f"{path}/webhooks"),
        post(who, f"{path}/members/mute", {"is_channel_muted": False}),
    )


def _request_writes(who: str, channel: str, message: str) -> list[Step]:
    path = f"{CHANNELS}/{channel}"
    return flatten_steps(
        post(who, f"{path}/messages/post", {"content": "May I?"}, save={f"by_{who}": "$.id"}),
        post(who, f"{path}/messages/post", {"content": "Here?", "parent_id": message}),
        post(who, f"{path}/messages/{message}/update", {"content": "Changed"}),
        post(who, f"{path}/messages/{message}/pin", {"is_pinned": True}),
        post(who, f"{path}/messages/{message}/reactions/add", {"name": "smile"}),
        post(who, f"{path}/messages/{message}/reactions/remove", {"name": "smile"}),
        delete(who, f"{path}/messages/{message}/delete"),
        post(who, f"{path}/webhooks/create", {"name": "w"}, ignore=_TOKEN, why=_RANDOM),
        post(who, f"{path}/update/members/add", {"user_ids": []}),
        post(who, f"{path}/update", {"name": "mine"}),
        post(who, f"{path}/access/update", {"access_grants": []}),
        delete(who, f"{path}/delete"),
    )


STEPS = flatten_steps(
    enable_channels(),
    # One user may read, the other one only write.
    post(
        "ada",
        _CREATE,
        {"name": "granted", "access_grants": [_MAY_READ, _MAY_WRITE]},
        save={"granted": "$.id"},
        unordered=LISTS,
    ),
    post("ada", f"{CHANNELS}/${{granted}}/messages/post", {"content": "Of Ada"}, save={"of_ada": "$.id"}),
    _request_reads("cy", "${granted}", "${of_ada}"),
    _request_reads("bob", "${granted}", "${of_ada}"),
    _request_writes("cy", "${granted}", "${of_ada}"),
    _request_writes("bob", "${granted}", "${of_ada}"),
    get("bob", f"{CHANNELS}/", unordered=("$",)),
    get("cy", f"{CHANNELS}/", unordered=("$",)),
    # A direct channel is closed to everyone else, also to administrators.
    get("bob", f"{CHANNELS}/users/${{cy.id}}", save={"direct": "$.id"}),
    post("bob", f"{CHANNELS}/${{direct}}/messages/post", {"content": "Psst"}, save={"secret": "$.id"}),
    _request_reads("ada", "${direct}", "${secret}"),
    post("ada", f"{CHANNELS}/${{direct}}/messages/post", {"content": "May I?"}),
    post("ada", f"{CHANNELS}/${{direct}}/messages/${{secret}}/update", {"content": "Changed"}),
    delete("ada", f"{CHANNELS}/${{direct}}/messages/${{secret}}/delete"),
    post("cy", f"{CHANNELS}/${{direct}}/messages/${{secret}}/update", {"content": "Changed"}),
    post("cy", f"{CHANNELS}/${{direct}}/messages/${{secret}}/pin", {"is_pinned": True}),
    post("cy", f"{CHANNELS}/${{direct}}/update/members/remove", {"user_ids": ["${bob.id}"]}),
    # A hidden group channel is closed to its member until the next message.
    post("bob", _CREATE, {"name": "g", "type": "group", "user_ids": ["${cy.id}"]}, save={"group": "$.id"}),
    post("bob", f"{CHANNELS}/${{group}}/messages/post", {"content": "One"}, save={"first": "$.id"}),
    post("cy", f"{CHANNELS}/${{group}}/members/active", {"is_active": False}),
    _request_reads("cy", "${group}", "${first}"),
    post("cy", f"{CHANNELS}/${{group}}/messages/post", {"content": "Back?"}),
    post("cy", f"{CHANNELS}/${{group}}/members/active", {"is_active": True}),
    post("bob", f"{CHANNELS}/${{group}}/messages/post", {"content": "Two"}),
    get("cy", f"{CHANNELS}/${{group}}/messages"),
    # A user without the permission for channels.
    get("ada", _PERMISSIONS, save={"permissions": "$", "features": "$.features"}),
    post(
        "ada",
        _PERMISSIONS,
        Merged("${permissions}", {"features": Merged("${features}", {"channels": False})}),
        unordered=(),
    ),
    get("bob", f"{CHANNELS}/"),
    get("bob", f"{CHANNELS}/list"),
    get("bob", f"{CHANNELS}/users/${{cy.id}}"),
    post("bob", _CREATE, {"name": "x", "type": "group"}),
    _request_reads("bob", "${group}", "${first}"),
    _request_writes("bob", "${group}", "${first}"),
    _request_reads("ada", "${granted}", "${of_ada}"),
)
