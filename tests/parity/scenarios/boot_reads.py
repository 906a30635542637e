"""Requests of the page when it opens, by a user and the administrator, on an empty workspace."""

from parity.steps import Merged, Step, flatten_steps, get, post, refused_steps

_ALL = (
    "/api/changelog",
    "/api/v1/tools/",
    "/api/v1/tools/list",
    "/api/v1/functions/",
    "/api/v1/functions/list",
    "/api/v1/functions/export",
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
    "/api/v1/channels/",
    "/api/v1/channels/list",
    "/api/v1/groups/",
    "/api/v1/terminals/",
    "/api/v1/memories/",
    "/api/v1/automations/list",
    "/api/v1/calendars/",
    "/api/v1/calendars/events",
    "/api/v1/notifications/events",
    "/api/v1/notifications/targets",
    "/api/v1/evaluations/feedbacks/list",
    "/api/v1/evaluations/feedbacks/models",
    "/api/v1/evaluations/leaderboard",
    "/api/v1/files/",
    "/api/v1/files/count",
    "/api/v1/files/user/count",
    "/api/v1/pipelines/list",
    "/api/v1/audio/voices",
    "/api/v1/apps",
    "/api/v1/chats/config",
)

_PAGED = (
    "/api/v1/skills/list",
    "/api/v1/prompts/list",
    "/api/v1/knowledge/",
    "/api/v1/knowledge/search",
    "/api/v1/knowledge/search/files",
    "/api/v1/notes/",
    "/api/v1/notes/search",
    "/api/v1/automations/list",
)
_PERMISSIONS = "/api/v1/users/default/permissions"
_OFF = dict.fromkeys(("notes", "channels", "memories", "automations", "calendar", "webhooks"), False)
_ON = dict.fromkeys(_OFF, True)
_SWITCHES = ("notes", "channels", "memories", "automations", "calendar")
_GATED = (
    "/api/v1/notes/",
    "/api/v1/notes/pinned",
    "/api/v1/notes/search",
    "/api/v1/channels/",
    "/api/v1/channels/list",
    "/api/v1/memories/",
    "/api/v1/automations/list",
    "/api/v1/calendars/",
    "/api/v1/notifications/events",
    "/api/v1/notifications/targets",
)


def _import_switches(*, on: bool) -> Step:
    config = {**{f"{name}.enable": on for name in _SWITCHES}, "ui.enable_user_webhooks": on}
    return post("ada", "/api/v1/configs/import", {"config": config}, ignore=("$",), why="the whole configuration")


def _set_default_features(features: dict[str, bool]) -> Step:
    return post("ada", _PERMISSIONS, Merged("${permissions}", {"features": Merged("${features}", features)}))


STEPS = flatten_steps(
    [get("bob", path) for path in _ALL if path != "/api/changelog"],
    [get("ada", path) for path in _ALL if path not in ("/api/changelog", "/api/v1/chats/config")],
    [step for path in _ALL for step in refused_steps("anonymous pending", "GET", path) if path != "/api/changelog"],
    get("bob", "/api/v1/search", query={"q": "tea"}),
    get("bob", "/api/v1/search", query={"q": ""}),
    get("bob", "/api/v1/search"),
    refused_steps("anonymous pending", "GET", "/api/v1/search", query={"q": "tea"}),
    get("bob", "/api/v1/calendars/events", query={"start": "2026-01-01T00:00:00", "end": "2026-02-01T00:00:00"}),
    get("bob", "/api/v1/channels/nothing"),
    get("bob", "/api/v1/notes/nothing"),
    get("bob", "/api/v1/knowledge/nothing"),
    get("bob", "/api/v1/prompts/id/nothing"),
    get("bob", "/api/v1/tools/id/nothing"),
    get("ada", "/api/v1/functions/id/nothing"),
    get("bob", "/api/v1/skills/id/nothing"),
    get("bob", "/api/v1/files/nothing"),
    get("bob", "/api/v1/automations/nothing"),
    get("bob", "/api/v1/calendars/nothing"),
    [get("ada", path, query={"page": page}) for path in _PAGED for page in (0, 2, "x")],
    # Features enabled for all users, for administrators alone, and disabled.
    get("ada", _PERMISSIONS, save={"permissions": "$", "features": "$.features"}),
    _import_switches(on=True),
    _set_default_features(_ON),
    [get(who, path) for path in _GATED for who in ("bob", "ada")],
    _set_default_features(_OFF),
    [get(who, path) for path in _GATED for who in ("bob", "ada")],
    _import_switches(on=False),
    [get(who, path) for path in _GATED for who in ("bob", "ada")],
    get("bob", "/api/v1/utils/gravatar", query={"email": " Ada@Example.com "}),
    get("bob", "/api/v1/utils/gravatar"),
    refused_steps("anonymous pending", "GET", "/api/v1/utils/gravatar", query={"email": "x"}),
)
