"""Operations that the scenarios request.

`python tests/parity/coverage.py` lists the built operations without a recorded success or a recorded refusal.
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
from parity.steps import list_scenarios

_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")


async def _handle_nothing() -> None: ...


@cache
def _build_trie() -> RouteTrie:
    trie = RouteTrie()
    for operation in list_operations():
        # Only these last parameters may contain slashes; the contract does not say so.
        path = re.sub(r"{(path|file_path)}$", r"{\1:path}", operation.path)
        trie.add(operation.method, path, Route(operation.method, operation.path, _handle_nothing))
    return trie


def find_operation(method: str, path: str) -> Operation | None:
    """Return the operation of the contract for this method and path; `${…}` matches any value."""
    match = _build_trie().find(_PLACEHOLDER.sub("x", path.partition("?")[0]))
    if match is None or method not in match.targets:
        return None
    route, _ = match.targets[method]
    return Operation(route.method, route.path)


def count_operations_of_scenarios() -> dict[str, Counter[Operation]]:
    """Count the requests of each operation, by the scenario's name."""
    return {
        scenario.name: Counter(
            operation for step in scenario.steps if (operation := find_operation(step.method, step.path)) is not None
        )
        for scenario in list_scenarios()
    }


def count_recorded_statuses() -> dict[Operation, Counter[int]]:
    """Count the statuses of the reference's recorded answers, by operation."""
    statuses: dict[Operation, Counter[int]] = {}
    for scenario in list_scenarios():
        for step, answer in zip(scenario.steps, recordings.read_answers(scenario.name), strict=False):
            operation = find_operation(step.method, step.path)
            if operation is not None:
                statuses.setdefault(operation, Counter())[answer["status"]] += 1
    return statuses


def list_built_operations() -> set[Operation]:
    return find_built_operations([route for router in app.list_routers() for route in router.routes])


def main() -> None:
    recorded = count_recorded_statuses()
    for operation in sorted(list_built_operations(), key=lambda operation: (operation.path, operation.method)):
        statuses = recorded.get(operation, Counter())
        missing = [
            outcome
            for outcome, is_recorded in (
                ("success", any(status < 400 for status in statuses)),
                ("refusal", any(status >= 400 for status in statuses)),
            )
            if not is_recorded
        ]
        if missing:
            print(f"{operation.method:7}{operation.path:60} {dict(statuses) or ''} no {', no '.join(missing)}")
    print(f"{len(recorded)} operations are requested")


if __name__ == "__main__":
    main()
