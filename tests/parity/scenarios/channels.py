"""Channels as records: created, opened, changed, shared and deleted, by users with and without access."""

from parity.channels import CHANNELS, IDS, IDS_OF_EACH, LISTS, LISTS_OF_EACH, READ, WHY, WRITE, enable_channels
from parity.steps import Step, delete, flatten_steps, get, post, refused_steps

_PEOPLE = "ada bob cy pending anonymous"
_CREATE = f"{CHANNELS}/create"
_DANGLING = "the reference creates members who do not exist"


def _request_everything(channel: str, people: str = _PEOPLE) -> list[Step]:
    """Return requests by each user that change nothing, or what the next one does not see."""
    path = f"{CHANNELS}/{channel}"
    return flatten_steps(
        *(
            flatten_steps(
                get(who, path, unordered=LISTS, ignore=IDS, why=WHY),
                get(
                    who,
                    f"{path}/members",
                    query={"order_by": "name", "direction": "asc"},
                    ignore=("$.users",) if channel == "${direct}" else (),
                    why=WHY,
                ),
                post(who, f"{path}/members/mute", {"is_channel_muted": False}),
                post(who, f"{path}/update/members/add", {"user_ids": [], "group_ids": []}),
                post(who, f"{path}/update/members/remove", {"user_ids": ["nobody"]}),
                post(who, f"{path}/members/active", {"is_active": True}),
            )
            for who in people.split()
        )
    )


STEPS = flatten_steps(
    get("ada", f"{CHANNELS}/"),
    refused_steps("bob", "POST", _CREATE, {"name": "x", "type": "group"}),
    enable_channels(),
    # Creation.
    refused_steps("anonymous pending bob", "POST", _CREATE, {"name": "General"}),
    post("ada", _CREATE, {}),
    post("ada", _CREATE, {"name": 1, "description": 2, "is_private": "perhaps", "data": [], "user_ids": "x"}),
    post("ada", _CREATE, {"name": "x", "type": 5, "access_grants": {}, "meta": "x", "group_ids": [1]}),
    post(
        "ada",
        _CREATE,
        {"name": "General", "description": "d", "meta": {"a": 1}, "data": {}, "access_grants": [READ, WRITE]},
        save={"open": "$.id"},
        unordered=LISTS,
    ),
    post("ada", _CREATE, {"name": "Closed", "type": "", "access_grants": []}, save={"closed": "$.id"}),
    post(
        "bob",
        _CREATE,
        {"name": "Birds", "type": "group", "user_ids": ["${cy.id}"], "is_private": True, "access_grants": [READ]},
        save={"group": "$.id"},
    ),
    get("bob", f"{CHANNELS}/users/${{cy.id}}", save={"direct": "$.id"}),
    get("cy", f"{CHANNELS}/users/${{bob.id}}"),
    post("cy", _CREATE, {"type": "dm", "name": "", "user_ids": ["${bob.id}"]}),
    post("cy", _CREATE, {"type": "dm", "name": "", "user_ids": ["${bob.id}", "${ada.id}"]}, save={"three": "$.id"}),
    post("cy", _CREATE, {"type": "dm", "name": ""}),
    get("cy", f"{CHANNELS}/users/${{cy.id}}"),
    refused_steps("pending anonymous", "GET", f"{CHANNELS}/users/${{cy.id}}"),
    get("bob", f"{CHANNELS}/users/nobody", ignore=("status", "$"), why=_DANGLING),
    # Lists.
    get("ada", f"{CHANNELS}/list", unordered=("$", *LISTS_OF_EACH), ignore=("$",), why=_DANGLING),
    get("bob", f"{CHANNELS}/list", unordered=LISTS_OF_EACH, ignore=("$",), why=_DANGLING),
    get("cy", f"{CHANNELS}/", unordered=LISTS_OF_EACH, ignore=IDS_OF_EACH, why=WHY),
    get("ada", f"{CHANNELS}/", unordered=LISTS_OF_EACH, ignore=IDS_OF_EACH, why=WHY),
    refused_steps("pending anonymous", "GET", f"{CHANNELS}/"),
    refused_steps("pending anonymous", "GET", f"{CHANNELS}/list"),
    # Each kind of channel, by everyone.
    _request_everything("${open}"),
    _request_everything("${closed}"),
    _request_everything("${group}"),
    _request_everything("${direct}"),
    _request_everything("nothing", "ada bob"),
    # Members.
    post("bob", f"{CHANNELS}/${{group}}/update/members/add", {"user_ids": ["${ada.id}"]}),
    post("ada", f"{CHANNELS}/${{group}}/update/members/add", {"user_ids": 1, "group_ids": "x"}),
    get("ada", f"{CHANNELS}/${{group}}/members", query={"query": "ad"}),
    get("ada", f"{CHANNELS}/${{group}}/members", query={"page": 2, "order_by": "name"}),
    get("ada", f"{CHANNELS}/${{group}}/members", query={"page": "x"}),
    post("bob", f"{CHANNELS}/${{group}}/update/members/remove", {"user_ids": ["${ada.id}"]}),
    post("bob", f"{CHANNELS}/${{direct}}/members/active", {"is_active": False}),
    get("bob", f"{CHANNELS}/${{direct}}"),
    post("bob", f"{CHANNELS}/${{direct}}/members/active", {"is_active": True}),
    post("bob", f"{CHANNELS}/${{direct}}/members/active", {}),
    post("cy", f"{CHANNELS}/${{open}}/members/mute", {"is_channel_muted": True}),
    get("cy", f"{CHANNELS}/${{open}}", unordered=LISTS),
    post("cy", f"{CHANNELS}/${{open}}/members/mute", {"is_channel_muted": None}),
    # Changes.
    refused_steps("cy pending anonymous", "POST", f"{CHANNELS}/${{group}}/update", {"name": "Mine"}),
    post("bob", f"{CHANNELS}/${{group}}/update", {"name": "Water Birds", "data": {"x": [1]}}),
    post("ada", f"{CHANNELS}/${{group}}/update", {"name": "Birds", "description": "d", "is_private": False}),
    post("bob", f"{CHANNELS}/${{group}}/update", {}),
    post("bob", f"{CHANNELS}/${{group}}/update", {"name": None, "meta": []}),
    post("bob", f"{CHANNELS}/nothing/update", {"name": "x"}),
    # Sharing.
    refused_steps("bob cy pending anonymous", "POST", f"{CHANNELS}/${{closed}}/access/update", {"access_grants": []}),
    post("ada", f"{CHANNELS}/${{closed}}/access/update", {}),
    post(
        "ada",
        f"{CHANNELS}/${{closed}}/access/update",
        {"access_grants": [{**READ, "principal_id": "${bob.id}"}, {"principal_type": "robot"}]},
    ),
    _request_everything("${closed}", "ada bob cy"),
    post("bob", f"{CHANNELS}/${{group}}/access/update", {"access_grants": [READ]}),
    post("ada", f"{CHANNELS}/${{direct}}/access/update", {"access_grants": [READ]}),
    post("ada", f"{CHANNELS}/nothing/access/update", {"access_grants": []}),
    # Apps.
    get("bob", f"{CHANNELS}/${{group}}/apps"),
    enable_channels(ENABLE_APPS=True),
    *(
        flatten_steps(
            get(who, f"{CHANNELS}/{channel}/apps"),
            post(who, f"{CHANNELS}/{channel}/apps", {"app_id": "nothing"}),
            delete(who, f"{CHANNELS}/{channel}/apps/nothing"),
        )
        for channel in ("${group}", "${open}", "${direct}", "nothing")
        for who in _PEOPLE.split()
    ),
    post("bob", f"{CHANNELS}/${{group}}/apps", {"app_id": 1, "more": 2}),
    # Deletion.
    refused_steps("cy pending anonymous", "DELETE", f"{CHANNELS}/${{group}}/delete"),
    delete("bob", f"{CHANNELS}/${{group}}/delete"),
    delete("bob", f"{CHANNELS}/${{group}}/delete"),
    get("bob", f"{CHANNELS}/${{group}}"),
    delete("ada", f"{CHANNELS}/${{open}}/delete"),
    get("cy", f"{CHANNELS}/", unordered=LISTS_OF_EACH, ignore=IDS_OF_EACH, why=WHY),
    enable_channels(ENABLE_CHANNELS=False),
    _request_everything("${closed}", "ada"),
)
