"""Record what each statement of the server visits, beside what it returns.

SQLite counts the steps of its virtual machine and the pages that it looks at; PostgreSQL explains the statement, and
tells the rows and blocks.
"""

from __future__ import annotations

import contextvars
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import apsw
import pytest

from fastback.kit.db import postgres, sqlite_connection
from fastback.kit.db.query import compile_statement


class Cost(NamedTuple):
    """One run of a statement.

    Attributes:
        returned: rows, or what a statement counted that returns one number.
        visited: steps of the virtual machine, or rows that PostgreSQL looked at.
        pages: pages or blocks that were looked at, whether they were in memory or not.
        on_loop: whether the event loop waited.
    """

    name: str
    returned: int
    visited: int
    pages: int
    on_loop: bool


def _count_returned(rows: list[Any]) -> int:
    """Return the number of rows, or the sum of the only row's numbers: a count costs what it counts."""
    if len(rows) == 1 and all(isinstance(value, int) and not isinstance(value, bool) for value in rows[0]):
        return max(1, *rows[0])
    return len(rows)


#: Steps of a plan that read rows of a table. The entries of a bitmap are read as rows in a later step.
_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")


@contextmanager
def record_costs() -> Iterator[list[Cost]]:
    """Yield the list to which every statement of this process is added while it runs."""
    costs: list[Cost] = []
    with pytest.MonkeyPatch.context() as patch:
        _record_sqlite(patch, costs)
        _record_postgres(patch, costs)
        yield costs


def _record_sqlite(patch: pytest.MonkeyPatch, costs: list[Cost]) -> None:
    fetch_rows = sqlite_connection.StatementRunner.fetch_rows

    def fetch_and_record(self: Any, name: str, text: str, params: dict[str, Any]) -> list[Any]:
        steps: list[int] = []
        connection = self.connection

        def add_steps(event: dict[str, Any]) -> None:
            steps.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])

        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, add_steps)
        pages = _count_pages(connection)
        try:
            rows = fetch_rows(self, name, text, params)
        finally:
            connection.trace_v2(0, None)
        on_loop = threading.current_thread() is threading.main_thread()
        costs.append(Cost(name, _count_returned(rows), sum(steps), _count_pages(connection) - pages, on_loop))
        return rows

    patch.setattr(sqlite_connection.StatementRunner, "fetch_rows", fetch_and_record)


def _count_pages(connection: apsw.Connection) -> int:
    counters = (apsw.SQLITE_DBSTATUS_CACHE_HIT, apsw.SQLITE_DBSTATUS_CACHE_MISS)
    return sum(connection.status(counter)[0] for counter in counters)


def _record_postgres(patch: pytest.MonkeyPatch, costs: list[Cost]) -> None:
    fetch = postgres.PostgresExecutor._fetch
    explaining = contextvars.ContextVar("explaining", default=False)

    async def fetch_and_record(self: Any, name: str, text: str, params: dict[str, Any]) -> list[Any]:
        if explaining.get() or compile_statement(text).writes or not text.lstrip().startswith(("SELECT", "WITH")):
            return await fetch(self, name, text, params)
        explaining.set(True)
        explanation = await fetch(self, name, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", dict(params))
        explaining.set(False)
        plan = json.loads(explanation[0][0])[0]["Plan"]
        rows = await fetch(self, name, text, params)
        pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        costs.append(Cost(name, _count_returned([tuple(row) for row in rows]), _count_visited(plan), pages, False))
        return rows

    patch.setattr(postgres.PostgresExecutor, "_fetch", fetch_and_record)


def _count_visited(plan: dict[str, Any]) -> int:
    """Return the rows that the scans of a plan looked at, also those that a condition removed."""
    visited = sum(_count_visited(child) for child in plan.get("Plans", ()))
    if plan["Node Type"] in _SCANS:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        visited += int((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    return visited
