"""Calendars as records: create, change, share, delete, and the default calendar; who may do what."""

from parity.steps import Merged, delete, flatten_steps, get, post, refused_steps

_C = "/api/v1/calendars"
_ONE = f"{_C}/${{calendar}}"
_PERMISSIONS = "/api/v1/users/default/permissions"
_CONFIG = "/api/v1/auths/admin/config"
_TO_CY = {"principal_type": "user", "principal_id": "${cy.id}"}
_READ = {**_TO_CY, "permission": "read"}
_WRITE = {**_TO_CY, "permission": "write"}
_PUBLIC = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_GROUP = {"principal_type": "group", "principal_id": "${group}", "permission": "read"}
_LOOSE = {"unordered": ("$.access_grants",)}


def _make_round(grants: list[dict[str, str]]):
    """Return what each user gets from each operation while a calendar of bob has these grants."""
    return [
        post("bob", f"{_ONE}/access/update", {"access_grants": grants}, **_LOOSE),
        *(
            step
            for who in ("cy", "ada", "bob", "pending", "anonymous")
            for step in (
                get(who, _ONE, **_LOOSE),
                post(who, f"{_ONE}/update", {"color": "#111111"}, **_LOOSE),
                post(who, f"{_ONE}/default", **_LOOSE),
            )
        ),
        post("cy", f"{_ONE}/access/update", {"access_grants": []}),
        delete("cy", f"{_ONE}/delete"),
        get("cy", f"{_C}/", unordered=("$[*].access_grants",)),
    ]


STEPS = flatten_steps(
    get("bob", f"{_C}/"),
    refused_steps("anonymous pending", "POST", f"{_C}/create", {"name": "x"}),
    post("bob", f"{_C}/create", {}),
    post("bob", f"{_C}/create", {"name": 1, "data": [], "access_grants": {}}),
    post(
        "bob",
        f"{_C}/create",
        {"name": "Work", "color": "#ff0000", "data": {"a": 1}, "meta": {"b": [2]}},
        save={"calendar": "$.id"},
    ),
    get("bob", f"{_C}/"),
    post("ada", "/api/v1/groups/create", {"name": "Staff", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${cy.id}"]}),
    get("cy", f"{_C}/"),
    *[_make_round(grants) for grants in ([], [_READ], [_WRITE], [_READ, _WRITE], [_GROUP])],
    post("bob", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    post(
        "bob",
        f"{_ONE}/access/update",
        {"access_grants": [{"principal_type": "anyone", "principal_id": "*", "permission": "read"}]},
    ),
    post("bob", f"{_ONE}/access/update", {"access_grants": [{"principal_type": "robot"}]}),
    post("bob", f"{_ONE}/access/update", {}),
    post("ada", f"{_ONE}/access/update", {"access_grants": [_PUBLIC]}),
    get("cy", f"{_C}/"),
    post("bob", f"{_C}/create", {"name": "Mine", "access_grants": [_PUBLIC, _READ]}, save={"other": "$.id"}),
    post("ada", f"{_C}/create", {"name": "All", "access_grants": [_PUBLIC]}, save={"all": "$.id"}),
    get("cy", f"{_C}/"),
    get("ada", f"{_C}/"),
    # Changes
    post("bob", f"{_ONE}/update", {}, **_LOOSE),
    post("bob", f"{_ONE}/update", {"name": "Job", "color": None, "data": {"c": 2}, "meta": {"b": 1}}, **_LOOSE),
    post("bob", f"{_ONE}/update", {"name": 3, "data": "x"}),
    post("bob", f"{_C}/none/update", {"name": "x"}),
    get("bob", f"{_C}/none"),
    # The default calendar
    post("bob", f"{_C}/${{other}}/default", **_LOOSE),
    get("bob", f"{_C}/", unordered=("$[*].access_grants",)),
    post("bob", f"{_C}/none/default"),
    post("cy", f"{_C}/${{other}}/default"),
    post("ada", f"{_C}/${{other}}/default"),
    # Deletion
    delete("bob", f"{_C}/${{other}}/delete"),
    delete("bob", f"{_C}/__scheduled_tasks__/delete"),
    get("bob", f"{_C}/__scheduled_tasks__"),
    delete("bob", f"{_C}/none/delete"),
    refused_steps("anonymous pending cy", "DELETE", f"{_ONE}/delete"),
    delete("ada", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("bob", f"{_C}/", unordered=("$[*].access_grants",)),
    # Without the permission, and switched off
    get("ada", _PERMISSIONS, save={"permissions": "$", "features": "$.features"}),
    post("ada", _PERMISSIONS, Merged("${permissions}", {"features": Merged("${features}", {"calendar": False})})),
    get("bob", f"{_C}/"),
    post("bob", f"{_C}/create", {"name": "x"}),
    get("bob", f"{_C}/${{other}}"),
    post("bob", f"{_C}/${{other}}/update", {}),
    post("bob", f"{_C}/${{other}}/default"),
    post("bob", f"{_C}/${{other}}/access/update", {"access_grants": []}),
    delete("bob", f"{_C}/${{other}}/delete"),
    get("bob", f"{_C}/events", query={"start": "2026-01-01", "end": "2026-02-01"}),
    get("bob", f"{_C}/events/search"),
    get("bob", f"{_C}/events/none"),
    post("bob", f"{_C}/events/create", {"calendar_id": "x", "title": "x", "start_at": 1}),
    post("bob", f"{_C}/events/none/update", {}),
    delete("bob", f"{_C}/events/none/delete"),
    post("bob", f"{_C}/events/none/rsvp", {"status": "accepted"}),
    post("ada", _PERMISSIONS, "${permissions}"),
    get("ada", _CONFIG, save={"config": "$"}),
    post("ada", _CONFIG, Merged("${config}", {"ENABLE_CALENDAR": False})),
    get("ada", f"{_C}/"),
    get("ada", f"{_C}/events/search"),
)
