"""Which operations the scenarios ask: `python tests/parity/coverage.py` lists what no scenario asks of what is built.

`answers()` gives for each operation of the contract how often the reference gave which status.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fastback import app
from fastback.compatibility.operations import Operation, find_built_operations, list_operations
from fastback.kit.http.routing import Route, RouteTrie
from parity import recordings
from parity.steps import scenarios

_PLACE = re.compile(r"\$\{[^}]*\}")


async def _nothing() -> None: ...


@cache
def _by_path() -> RouteTrie:
    trie = RouteTrie()
    for one in list_operations():
        # Only paths that end so may hold slashes; the contract does not say which parameters do.
        path = re.sub(r"{(path|file_path)}$", r"{\1:path}", one.path)
        trie.add(one.method, path, Route(one.method, one.path, _nothing))
    return trie


def operation(method: str, path: str) -> Operation | None:
    """The operation of the contract that a request of this method and path asks; `${…}` stands for any value."""
    match = _by_path().find(_PLACE.sub("x", path.partition("?")[0]))
    if match is None or method not in match.targets:
        return None
    route, _ = match.targets[method]
    return Operation(route.method, route.path)


def of_scenarios() -> dict[str, Counter[Operation]]:
    """How often each scenario asks each operation, by its name."""
    return {
        scenario.name: Counter(
            found for step in scenario.steps if (found := operation(step.method, step.path)) is not None
        )
        for scenario in scenarios()
    }


def answers() -> dict[Operation, Counter[int]]:
    """Statuses that the reference gave, by operation."""
    found: dict[Operation, Counter[int]] = {}
    for scenario in scenarios():
        for step, answer in zip(scenario.steps, recordings.read_answers(scenario.name), strict=False):
            asked = operation(step.method, step.path)
            if asked is not None:
                found.setdefault(asked, Counter())[answer["status"]] += 1
    return found


def operations_built() -> set[Operation]:
    return find_built_operations([route for router in app.list_routers() for route in router.routes])


def main() -> None:
    asked = answers()
    for one in sorted(operations_built(), key=lambda one: (one.path, one.method)):
        statuses = asked.get(one, Counter())
        lacks = [
            word
            for word, enough in (
                ("success", any(status < 400 for status in statuses)),
                ("refusal", any(status >= 400 for status in statuses)),
            )
            if not enough
        ]
        if lacks:
            print(f"{one.method:7}{one.path:60} {dict(statuses) or ''} no {', no '.join(lacks)}")
    print(f"{len(asked)} operations are asked")


if __name__ == "__main__":
    main()
