"""The worker's side of `Database.execute_apart` on SQLite: one statement, in a process whose memory nobody minds.

A job is `{"path": …, "pragmas": {…}, "patience": seconds, "name": …, "statement": …, "params": {…}, "files": {…}}`; the
answer is how many rows were changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.sqlite import BUSY, Statements, open_connection
from fastback.kit.workers.failures import JobFailed


def handle(job: dict[str, Any]) -> int:
    params = job["params"] | {name: Path(path).read_bytes().decode() for name, path in job["files"].items()}
    try:
        connection = open_connection(job["path"], job["pragmas"])
        connection.set_busy_timeout(int(job["patience"] * 1000))
        try:
            return Statements(connection).change(job["name"], job["statement"], params)
        finally:
            connection.close()
    except DatabaseError as error:
        raise JobFailed(str(error)) from error
    except BUSY:
        raise JobFailed(f"{job['name']}: the database is locked by another process") from None
