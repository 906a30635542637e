"""Usage statistics for administrators: messages, users, models, tokens, by day."""

from typing import Any

from parity.chats import make_import_item
from parity.steps import flatten_steps, get, post, refused_steps

_ANALYTICS = "/api/v1/analytics"
#: 14 November 2023, a quarter past ten in the evening (UTC).
_T = 1_700_000_000
_DAY = 86_400


def _set_usage(
    chat: dict[str, Any], message: str, usage: dict[str, Any] | None, model: str | None = None
) -> dict[str, Any]:
    """Set the usage and optionally the model of an answer, in place, and return the chat."""
    answer = chat["chat"]["history"]["messages"][message]
    answer["usage"] = usage
    if model:
        answer["model"] = model
    return chat


_BREAD = _set_usage(
    make_import_item("Bread", ("Rye?", "Sourdough."), ("And wheat?", "Yeast."), at=_T),
    "a1",
    {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
)
_SOUP = _set_usage(
    make_import_item("Soup", ("Leek?", "Boil it."), at=_T + 2 * _DAY, meta={"tags": ["cooking", "warm"]}),
    "a1",
    {"input_tokens": 3, "output_tokens": 4},
    "demo-large",
)
_CAKE = _set_usage(
    make_import_item("Cake", ("Cake?", "Butter."), ("Icing?", "Sugar."), at=_T + 3 * _DAY, meta={"tags": ["cooking"]}),
    "a2",
    {"prompt_tokens": 100, "completion_tokens": 7},
    "demo-large",
)
_RANGE = {"start_date": _T - 1, "end_date": _T + 2 * _DAY + 3600}
_PATHS = ("summary", "daily", "messages", "models", "users", "tokens", "models/demo-large/chats", "models/x/overview")
_DATED = {"ignore": ("$.history[*].date",), "why": "days up to now"}


STEPS = flatten_steps(
    *[refused_steps("anonymous pending bob", "GET", f"{_ANALYTICS}/{path}") for path in _PATHS],
    # Without data.
    *[get("ada", f"{_ANALYTICS}/{path}") for path in _PATHS if not path.endswith("overview")],
    get("ada", f"{_ANALYTICS}/models/x/overview", **_DATED),
    get("ada", f"{_ANALYTICS}/models/x/overview", query={"days": 0}),
    post("bob", "/api/v1/chats/import", {"chats": [_BREAD, _SOUP]}, save={"bread": "$[0].id", "soup": "$[1].id"}),
    post("cy", "/api/v1/chats/import", {"chats": [_CAKE]}, save={"cake": "$[0].id"}),
    post("ada", "/api/v1/groups/create", {"name": "Cooks", "description": ""}, save={"group": "$.id"}),
    post("ada", "/api/v1/groups/id/${group}/users/add", {"user_ids": ["${bob.id}"]}),
    # Sums.
    get("ada", f"{_ANALYTICS}/summary"),
    get("ada", f"{_ANALYTICS}/summary", query=_RANGE),
    get("ada", f"{_ANALYTICS}/summary", query={"group_id": "${group}"}),
    get("ada", f"{_ANALYTICS}/summary", query={"group_id": "nothing"}),
    get("ada", f"{_ANALYTICS}/summary", query={"start_date": "x"}),
    get("ada", f"{_ANALYTICS}/models"),
    get("ada", f"{_ANALYTICS}/models", query=_RANGE),
    get("ada", f"{_ANALYTICS}/models", query={"group_id": "${group}"}),
    get("ada", f"{_ANALYTICS}/users"),
    get("ada", f"{_ANALYTICS}/users", query={"limit": 1}),
    get("ada", f"{_ANALYTICS}/users", query={"metric": "tokens"}),
    get("ada", f"{_ANALYTICS}/users", query={"metric": "letters", "limit": "x"}),
    get("ada", f"{_ANALYTICS}/users", query={**_RANGE, "group_id": "${group}"}),
    get("ada", f"{_ANALYTICS}/tokens"),
    get("ada", f"{_ANALYTICS}/tokens", query=_RANGE),
    get("ada", f"{_ANALYTICS}/tokens", query={"group_id": "${group}"}),
    # Over time.
    get("ada", f"{_ANALYTICS}/daily"),
    get("ada", f"{_ANALYTICS}/daily", query=_RANGE),
    get("ada", f"{_ANALYTICS}/daily", query={**_RANGE, "metric": "tokens"}),
    get("ada", f"{_ANALYTICS}/daily", query={"start_date": _T, "end_date": _T + 7200, "granularity": "10m"}),
    get("ada", f"{_ANALYTICS}/daily", query={"start_date": _T, "end_date": _T + 7200, "granularity": "hourly"}),
    get("ada", f"{_ANALYTICS}/daily", query={**_RANGE, "granularity": "6h", "metric": "tokens"}),
    get("ada", f"{_ANALYTICS}/daily", query={"granularity": "3h", "group_id": "${group}"}),
    get("ada", f"{_ANALYTICS}/daily", query={"granularity": "weekly", "metric": "x", "compare": "perhaps"}),
    get("ada", f"{_ANALYTICS}/daily", query={"compare": True}),
    get("ada", f"{_ANALYTICS}/daily", query={"start_date": _T, "end_date": _T - 1, "compare": True}),
    get(
        "ada",
        f"{_ANALYTICS}/daily",
        query={"start_date": _T + 2 * _DAY, "end_date": _T + 4 * _DAY, "compare": True},
    ),
    get(
        "ada",
        f"{_ANALYTICS}/daily",
        query={"start_date": _T, "end_date": _T + 7200, "granularity": "hourly", "compare": True},
    ),
    # Messages.
    get("ada", f"{_ANALYTICS}/messages", query={"chat_id": "${soup}"}),
    get("ada", f"{_ANALYTICS}/messages", query={"model_id": "demo-large"}),
    get("ada", f"{_ANALYTICS}/messages", query={"model_id": "demo-large", "skip": 1, "limit": 1}),
    get("ada", f"{_ANALYTICS}/messages", query={"model_id": "demo-large", "start_date": _T + 3 * _DAY}),
    get("ada", f"{_ANALYTICS}/messages", query={"user_id": "${cy.id}", "limit": 3}),
    get("ada", f"{_ANALYTICS}/messages", query={"user_id": "nobody"}),
    get("ada", f"{_ANALYTICS}/messages", query={"limit": 101}),
    get("ada", f"{_ANALYTICS}/messages", query={"chat_id": "nothing"}),
    # A model's chats.
    get("ada", f"{_ANALYTICS}/models/demo-large/chats"),
    get("ada", f"{_ANALYTICS}/models/demo-large/chats", query={"order_by": "title", "direction": "asc"}),
    get("ada", f"{_ANALYTICS}/models/demo-large/chats", query={"order_by": "user_name", "direction": "desc"}),
    get("ada", f"{_ANALYTICS}/models/demo-large/chats", query={"order_by": "nonsense", "direction": "asc", "skip": 1}),
    get("ada", f"{_ANALYTICS}/models/demo-large/chats", query={"start_date": _T + 3 * _DAY, "limit": 1}),
    get("ada", f"{_ANALYTICS}/models/demo-large/chats", query={"limit": 101}),
    get("ada", f"{_ANALYTICS}/models/with/slash/chats"),
    # The overview of a model.
    post(
        "bob",
        "/api/v1/evaluations/feedback",
        {"type": "rating", "data": {"rating": 1, "model_id": "demo-large", "sibling_model_ids": ["demo-small"]}},
    ),
    post("cy", "/api/v1/evaluations/feedback", {"type": "rating", "data": {"rating": "-1", "model_id": "demo-large"}}),
    get("ada", f"{_ANALYTICS}/models/demo-large/overview", query={"days": 2}, **_DATED),
    get("ada", f"{_ANALYTICS}/models/demo-large/overview", query={"days": 0}, **_DATED),
    get("ada", f"{_ANALYTICS}/models/demo-large/overview", **_DATED),
    get("ada", f"{_ANALYTICS}/models/demo-large/overview", query={"days": "x"}),
)
