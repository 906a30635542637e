"""Automations: schedules, limits, folders, channels, runs, and who may do what with whose automations."""

from typing import Any

from parity.channels import READ, WRITE
from parity.steps import Merged, Step, delete, flatten_steps, get, post, refused_steps

_A = "/api/v1/automations"
_ONE = f"{_A}/${{automation}}"
_PERMISSIONS = "/api/v1/users/default/permissions"
_CONFIG = "/api/v1/auths/admin/config"
_EVENTS = "/api/v1/calendars/events"
_DAILY = "DTSTART:20990110T090000\nRRULE:FREQ=DAILY"
_MARCH = {"start": "2099-03-28T00:00:00Z", "end": "2099-03-31T00:00:00Z"}


def _form(rule: str = _DAILY, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"prompt": "Hello [[tokens 2]]", "model_id": "demo-small", "rrule": rule}
    data |= {name: more.pop(name) for name in ("prompt", "model_id", "terminal", "target") if name in more}
    return {"name": "Brief", "data": data, **more}


def _request_everything(who: str) -> list[Step]:
    """Return requests of every kind about an automation."""
    return flatten_steps(
        post(who, f"{_A}/create", _form()),
        get(who, f"{_A}/list"),
        get(who, _ONE),
        get(who, f"{_ONE}/runs"),
        post(who, f"{_ONE}/update", _form(name="Changed")),
        post(who, f"{_ONE}/toggle"),
        post(who, f"{_ONE}/toggle"),
        get(who, _EVENTS, query=_MARCH),
    )


def _grant(allowed: bool, *features: str) -> Step:
    changes = dict.fromkeys(features or ("automations",), allowed)
    return post("ada", _PERMISSIONS, Merged("${permissions}", {"features": Merged("${features}", changes)}))


def _limit(**settings: Any) -> Step:
    return post("ada", _CONFIG, Merged("${config}", settings))


STEPS = flatten_steps(
    *(post(who, "/api/v1/auths/update/timezone", {"timezone": "Europe/Berlin"}) for who in ("ada", "bob", "cy")),
    get("ada", _PERMISSIONS, save={"permissions": "$", "features": "$.features"}),
    get("ada", _CONFIG, save={"config": "$"}),
    # Creation
    refused_steps("anonymous pending bob", "POST", f"{_A}/create", _form()),
    _grant(True),
    post("bob", f"{_A}/create", {}),
    post("bob", f"{_A}/create", {"name": 1, "data": {"prompt": None, "target": {"type": "mail"}}, "meta": []}),
    post("bob", f"{_A}/create", _form(terminal={"cwd": 1}, is_active="maybe")),
    *(
        post("bob", f"{_A}/create", _form(rule))
        for rule in (
            "nonsense",
            "RRULE:FREQ=DAILY;COUNT=3",
            "DTSTART:20200101T090000\nRRULE:FREQ=DAILY;COUNT=1",
            "RRULE:FREQ=DAILY;UNTIL=20200101T000000",
            "RRULE:FREQ=DAILY\nEXRULE:FREQ=DAILY",
            "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY",
            "RRULE:FREQ=HOURLY;INTERVAL=0",
            "RRULE:FREQ=SOMETIMES",
        )
    ),
    post("bob", f"{_A}/create", _form(folder_id="none")),
    post("bob", f"{_A}/create", _form(target={"type": "channel"})),
    post("bob", f"{_A}/create", _form(), save={"automation": "$.id"}),
    post(
        "bob",
        f"{_A}/create",
        _form(
            "DTSTART:20990323T020000\nRRULE:FREQ=DAILY;COUNT=20",
            name="Nightly",
            is_active=False,
            meta={"a": [1]},
            terminal={"server_id": "t", "more": 1},
            target={"type": "chat", "channel_id": "x"},
            more=1,
        ),
        save={"nightly": "$.id"},
        pause=0.01,
    ),
    get("bob", f"{_A}/list"),
    get("bob", f"{_A}/list", query={"status": "active"}),
    get("bob", f"{_A}/list", query={"status": "paused"}),
    get("bob", f"{_A}/list", query={"query": "night"}),
    get("bob", f"{_A}/list", query={"page": 2}),
    # Who may do what
    *(_request_everything(who) for who in ("cy", "ada", "pending", "anonymous")),
    refused_steps("cy ada pending anonymous", "POST", f"{_ONE}/run"),
    refused_steps("cy ada pending anonymous", "DELETE", f"{_ONE}/delete"),
    _grant(False),
    _request_everything("bob"),
    refused_steps("bob", "POST", f"{_ONE}/run"),
    refused_steps("bob", "DELETE", f"{_ONE}/delete"),
    _grant(True),
    # Changes
    get("bob", _ONE),
    get("bob", f"{_A}/none"),
    post("bob", f"{_A}/none/update", _form()),
    post("bob", f"{_ONE}/update", {"name": "x"}),
    post("bob", f"{_ONE}/update", _form("nonsense")),
    post("bob", f"{_ONE}/update", _form(name="Other", is_active=None, meta={"b": 1})),
    post("bob", f"{_ONE}/toggle"),
    post("bob", f"{_ONE}/update", _form(name="Paused", is_active=False)),
    post("bob", f"{_ONE}/toggle"),
    post("bob", f"{_A}/none/toggle"),
    post("bob", f"{_A}/none/run"),
    get("bob", f"{_A}/none/runs"),
    delete("bob", f"{_A}/none/delete"),
    # The calendar
    post("bob", f"{_A}/${{nightly}}/toggle"),
    get("bob", _EVENTS, query=_MARCH),
    get("bob", _EVENTS, query={**_MARCH, "calendar_ids": "__scheduled_tasks__"}),
    get("bob", _EVENTS, query={**_MARCH, "calendar_ids": "other"}),
    get("cy", _EVENTS, query=_MARCH),
    post("bob", f"{_A}/${{nightly}}/toggle"),
    # Runs
    post(
        "ada",
        "/api/v1/models/create",
        {
            "id": "demo-small",
            "name": "Small",
            "params": {},
            "meta": {},
            "access_grants": [{"principal_type": "user", "principal_id": "*", "permission": "read"}],
        },
        unordered=("$.access_grants",),
    ),
    get("bob", "/api/models", ignore=("$",), why="the model must be known"),
    post("bob", f"{_ONE}/run"),
    get("bob", f"{_ONE}/runs", until="$[0].chat_id", save={"chat": "$[0].chat_id"}),
    get("bob", f"{_ONE}/runs", query={"skip": 1}),
    get("bob", f"{_ONE}/runs", query={"limit": "x"}),
    get("bob", _ONE),
    get("bob", f"{_A}/list"),
    delete("bob", "/api/v1/chats/${chat}"),
    get("bob", f"{_ONE}/runs"),
    post("bob", f"{_ONE}/update", _form(model_id="gone")),
    post("bob", f"{_ONE}/run"),
    get("bob", f"{_ONE}/runs", until="$[1].id"),
    # Folders
    post("bob", "/api/v1/folders/", {"name": "News"}, save={"folder": "$.id"}),
    post("cy", f"{_A}/create", _form(folder_id="${folder}")),
    post("bob", f"{_ONE}/update", _form(folder_id="${folder}")),
    get("bob", f"{_A}/list", query={"folder_id": "${folder}"}),
    delete("bob", "/api/v1/folders/${folder}", query={"delete_contents": "false"}),
    get("bob", f"{_A}/list", query={"folder_id": "${folder}"}),
    # Channels
    _limit(ENABLE_CHANNELS=True),
    post(
        "ada",
        "/api/v1/channels/create",
        {"name": "open", "access_grants": [READ, WRITE]},
        save={"open": "$.id"},
        unordered=("$.access_grants",),
    ),
    post("ada", "/api/v1/channels/create", {"name": "news", "access_grants": [READ]}, save={"news": "$.id"}),
    *(
        post("bob", f"{_A}/create", _form(target={"type": "channel", "channel_id": channel}))
        for channel in ("${open}", "${news}", "none")
    ),
    _grant(True, "automations", "channels"),
    *(
        post("bob", f"{_A}/create", _form(target={"type": "channel", "channel_id": channel}))
        for channel in ("${open}", "${news}", "none", None)
    ),
    post("ada", f"{_A}/create", _form(target={"type": "channel", "channel_id": "${news}"})),
    # Limits
    _limit(AUTOMATION_MAX_COUNT=3, AUTOMATION_MIN_INTERVAL=3600),
    post("bob", f"{_A}/create", _form()),
    post("cy", f"{_A}/create", _form("RRULE:FREQ=MINUTELY;INTERVAL=30")),
    post("cy", f"{_A}/create", _form("DTSTART:20990110T090000\nRRULE:FREQ=MINUTELY;COUNT=1")),
    post("bob", f"{_ONE}/update", _form("RRULE:FREQ=MINUTELY")),
    post("ada", f"{_A}/create", _form("DTSTART:20990110T090000\nRRULE:FREQ=MINUTELY")),
    # Switched off, and deleted
    _limit(ENABLE_AUTOMATIONS=False),
    _request_everything("ada"),
    _limit(ENABLE_AUTOMATIONS=True),
    delete("bob", f"{_ONE}/delete"),
    delete("bob", f"{_ONE}/delete"),
    get("bob", _ONE),
    get("bob", f"{_ONE}/runs"),
)
