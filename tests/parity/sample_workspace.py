"""A workspace with some records of every kind, and the lists that the page reads at its start."""

from __future__ import annotations

from parity.steps import Merged, Step, flatten_steps, get, post

_EVERYBODY = {"principal_type": "user", "principal_id": "*", "permission": "read"}
_BOB = {"principal_type": "user", "principal_id": "${bob.id}", "permission": "write"}
_TOOL = '''"""
title: Dice
description: Throws dice.
version: 1.0
"""
from pydantic import BaseModel


class Tools:
    class UserValves(BaseModel):
        sides: int = 6

    def throw(self) -> str:
        """Throw a die."""
        return "4"
'''
_FILTER = '''"""
title: Quiet
"""


class Filter:
    def inlet(self, body: dict) -> dict:
        return body
'''
_PERMISSIONS = "/api/v1/users/default/permissions"
_SETTINGS = {
    "notes.enable": True,
    "channels.enable": True,
    "memories.enable": True,
    "automations.enable": True,
    "calendar.enable": True,
    "ui.enable_user_webhooks": True,
}
_FEATURES = dict.fromkeys(("notes", "channels", "memories", "automations", "calendar", "webhooks"), True)


def _create_recipe(number: int) -> Step:
    return post(
        "ada",
        "/api/v1/prompts/create",
        {
            "command": f"recipe-{number}",
            "name": f"Recipe {number}",
            "content": "Cook {{dish}}",
            "tags": ["Küche", f"t{number}"],
            "access_grants": [_EVERYBODY] if number else [],
        },
        pause=1.1,
    )


#: Needs `ada` and `bob`.
STEPS = flatten_steps(
    get("ada", _PERMISSIONS, save={"house.permissions": "$", "house.features": "$.features"}),
    post("ada", _PERMISSIONS, Merged("${house.permissions}", {"features": Merged("${house.features}", _FEATURES)})),
    post("ada", "/api/v1/configs/import", {"config": _SETTINGS}, ignore=("$",), why="the whole configuration"),
    post(
        "ada",
        "/api/v1/tools/create",
        {
            "id": "dice",
            "name": "Dice",
            "content": _TOOL,
            "meta": {"description": "Throws"},
            "access_grants": [_EVERYBODY],
        },
    ),
    post(
        "ada",
        "/api/v1/functions/create",
        {"id": "quiet", "name": "Quiet", "content": _FILTER, "meta": {"description": "Hushes"}},
    ),
    [_create_recipe(number) for number in range(2)],
    post(
        "ada",
        "/api/v1/skills/create",
        {
            "id": "carve",
            "name": "Carve",
            "description": "How to carve",
            "content": "---\nname: carve\ndescription: How to carve\n---\n\nSharpen the knife.",
            "access_grants": [_BOB],
        },
    ),
    post(
        "ada",
        "/api/v1/knowledge/create",
        {"name": "Cellar", "description": "What we have", "access_grants": [_EVERYBODY]},
        save={"house.cellar": "$.id"},
    ),
    post(
        "bob",
        "/api/v1/notes/create",
        {"title": "Shopping", "data": {"content": {"md": "Leeks, to-do", "html": "<p>Leeks</p>", "json": None}}},
        save={"house.note": "$.id"},
    ),
    post(
        "ada",
        "/api/v1/notes/create",
        {"title": "Menu", "data": {"content": {"md": "Soup"}}, "access_grants": [_BOB]},
        pause=1.1,
    ),
    post("bob", "/api/v1/notes/${house.note}/pin"),
    post(
        "ada",
        "/api/v1/channels/create",
        {"name": "kitchen", "description": "Talk", "access_grants": [_EVERYBODY]},
        save={"house.channel": "$.id"},
    ),
    post(
        "ada",
        "/api/v1/channels/create",
        {"name": "", "type": "dm", "user_ids": ["${bob.id}"]},
        save={"house.dm": "$.id"},
        pause=1.1,
    ),
    post("ada", "/api/v1/channels/${house.dm}/messages/post", {"content": "Dinner?"}),
    post("bob", "/api/v1/memories/add", {"content": "Likes leek", "type": "user"}),
    post("bob", "/api/v1/memories/add", {"content": "The stove is old", "path": "kitchen/stove"}, pause=1.1),
    post(
        "bob",
        "/api/v1/automations/create",
        {
            "name": "Each morning",
            "data": {"prompt": "What is for lunch?", "model_id": "demo-small", "rrule": "FREQ=DAILY;BYHOUR=8"},
            "is_active": False,
        },
    ),
    post("bob", "/api/v1/calendars/create", {"name": "Meals", "color": "#ff0000"}, save={"house.calendar": "$.id"}),
)

_LISTS = (
    "/api/v1/tools/",
    "/api/v1/tools/list",
    "/api/v1/functions/",
    "/api/v1/skills/",
    "/api/v1/skills/list",
    "/api/v1/prompts/",
    "/api/v1/prompts/list",
    "/api/v1/prompts/tags",
    "/api/v1/knowledge/",
    "/api/v1/knowledge/search",
    "/api/v1/knowledge/search/files",
    "/api/v1/notes/",
    "/api/v1/notes/pinned",
    "/api/v1/notes/search",
    "/api/v1/channels/list",
    "/api/v1/groups/",
    "/api/v1/terminals/",
    "/api/v1/memories/",
    "/api/v1/automations/list",
    "/api/v1/calendars/",
    "/api/v1/notifications/events",
    "/api/v1/notifications/targets",
)

#: Reads by both users.
READS = flatten_steps(
    [get(who, path) for path in _LISTS for who in ("bob", "ada")],
    [
        get(
            who,
            "/api/v1/channels/",
            unordered=("$.*.users",),
            ignore=("$[*].users[*].is_active", "$[*].user_ids"),
            why="who was there a moment ago; members come in no order",
        )
        for who in ("bob", "ada")
    ],
    get("ada", "/api/v1/functions/list"),
    get("bob", "/api/v1/tools/", query={"query": "DIC"}),
    get("bob", "/api/v1/skills/list", query={"query": "knife"}),
    get("bob", "/api/v1/skills/list", query={"query": "carve", "view_option": "shared"}),
    get("bob", "/api/v1/prompts/list", query={"query": "recipe", "order_by": "name", "direction": "asc"}),
    get("bob", "/api/v1/prompts/list", query={"tag": "Küche"}),
    get("ada", "/api/v1/prompts/list", query={"tag": "küche", "view_option": "created", "page": 2}),
    get(
        "bob",
        "/api/v1/knowledge/search",
        query={"query": "cellar", "source": "local"},
        ignore=("$",),
        why="the reference loses knowledge without a source, as NULL is compared with a text",
    ),
    get("bob", "/api/v1/knowledge/search", query={"source": "external"}),
    get("bob", "/api/v1/notes/search", query={"query": "todo"}),
    get("bob", "/api/v1/notes/search", query={"permission": "read_only"}),
    get("bob", "/api/v1/notes/", query={"page": 2}),
    get("bob", "/api/v1/automations/list", query={"query": "lunch", "status": "paused"}),
    get("bob", "/api/v1/automations/list", query={"status": "active"}),
)
