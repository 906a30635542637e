"""Every operation of administration and workspace, by every kind of user, without a valid body, on missing records."""

import re

from fastback.compatibility.operations import list_operations
from parity.steps import NOTHING, Step

_AREAS = (
    *("users", "groups", "prompts", "tools", "functions", "skills", "models", "configs", "evaluations", "analytics"),
    *("pipelines", "notifications", "search", "utils"),
)
_SELECTED = re.compile(rf"/api/v1/({'|'.join(_AREAS)})(/|$)|/api/events|/api/tasks|/api/models/base")
#: Operations of other scenarios: they run code, call other servers or take long.
_EXCLUDED = re.compile(
    r"/(load/url|verify|download|gravatar|code/\w+|oauth/.*|pdf|markdown|refresh|lifecycle|policy)\b|/all$"
)
#: Values of parameters; anything else is `nothing`.
_VALUES = {"user_id": "${cy.id}", "namespace": "ui"}
_QUERIES = {"/api/v1/search": {"query": "x"}}
#: Paths that are not compared, and the reason.
_IGNORED = {
    "/api/v1/configs/export": (("$",), "the whole configuration, with prompts of our own"),
    "/api/v1/users/usage": (
        ("$.period", "$.heatmap[*].date", "$.weekly_heatmap", "$.cumulative_heatmap[*].date"),
        "the last two years",
    ),
    "/api/v1/analytics/models/{model_id}/overview": (("$.history[*].date",), "days up to now"),
    "/api/v1/evaluations/leaderboard/{model_id}/history": (("$.history[*].date",), "days up to now"),
}


def _fill_path(path: str) -> str:
    return re.sub(r"{([^}]*)}", lambda match: _VALUES.get(match[1], "nothing"), path)


def _make_steps() -> list[Step]:
    steps = []
    for operation in list_operations():
        if not _SELECTED.match(operation.path) or _EXCLUDED.search(operation.path):
            continue
        changes = operation.method != "GET"
        # Changes of Cy by an administrator would affect the later steps.
        people = "anonymous pending bob" if changes and "user_id" in operation.path else "anonymous pending bob ada"
        for who in people.split():
            body = {} if changes and operation.method != "DELETE" else NOTHING
            ignore, why = _IGNORED.get(operation.path, ((), "")) if who in ("bob", "ada") else ((), "")
            query = _QUERIES.get(operation.path, {})
            steps.append(
                Step(who, operation.method, _fill_path(operation.path), body, query=query, ignore=ignore, why=why)
            )
    return steps


STEPS = tuple(_make_steps())
