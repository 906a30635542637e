"""Every operation of administration and workspace, by everybody: without a right body, on what is not there."""

import re

from fastback.compatibility.operations import list_operations
from parity.steps import NOTHING, Step

_AREAS = (
    *("users", "groups", "prompts", "tools", "functions", "skills", "models", "configs", "evaluations", "analytics"),
    *("pipelines", "notifications", "search", "utils"),
)
_WANTED = re.compile(rf"/api/v1/({'|'.join(_AREAS)})(/|$)|/api/events|/api/tasks|/api/models/base")
#: What other scenarios ask, as it runs code, calls elsewhere or lasts.
_ASIDE = re.compile(
    r"/(load/url|verify|download|gravatar|code/\w+|oauth/.*|pdf|markdown|refresh|lifecycle|policy)\b|/all$"
)
#: Values of parameters; anything else is `nothing`.
_VALUES = {"user_id": "${cy.id}", "namespace": "ui"}
_QUERIES = {"/api/v1/search": {"query": "x"}}
#: What is not compared, and why.
_IGNORED = {
    "/api/v1/configs/export": (("$",), "the whole configuration, with prompts of our own"),
    "/api/v1/users/usage": (
        ("$.period", "$.heatmap[*].date", "$.weekly_heatmap", "$.cumulative_heatmap[*].date"),
        "the last two years",
    ),
    "/api/v1/analytics/models/{model_id}/overview": (("$.history[*].date",), "days up to now"),
    "/api/v1/evaluations/leaderboard/{model_id}/history": (("$.history[*].date",), "days up to now"),
}


def _path(path: str) -> str:
    return re.sub(r"{([^}]*)}", lambda found: _VALUES.get(found[1], "nothing"), path)


def _steps() -> list[Step]:
    steps = []
    for one in list_operations():
        if not _WANTED.match(one.path) or _ASIDE.search(one.path):
            continue
        changes = one.method != "GET"
        # What an administrator does to Cy would change the rest.
        people = "anonymous pending bob" if changes and "user_id" in one.path else "anonymous pending bob ada"
        for who in people.split():
            body = {} if changes and one.method != "DELETE" else NOTHING
            ignore, why = _IGNORED.get(one.path, ((), "")) if who in ("bob", "ada") else ((), "")
            query = _QUERIES.get(one.path, {})
            steps.append(Step(who, one.method, _path(one.path), body, query=query, ignore=ignore, why=why))
    return steps


STEPS = tuple(_steps())
