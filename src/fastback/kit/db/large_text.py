"""The worker's side of `Database.execute_apart` and `text_apart` on SQLite, in a process whose memory nobody minds.

A job is `{"path": …, "pragmas": {…}, "patience": seconds, "name": …, "statement": …, "params": {…}, "files": {…},
"into": …}`. The answer is how many rows were changed; or, where the text that was found goes `into` a file, of how many
there was one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.sqlite import BUSY, StatementRunner, open_connection
from fastback.kit.workers.errors import JobFailed


def handle(job: dict[str, Any]) -> int:
    params = job["params"] | {name: Path(path).read_bytes().decode() for name, path in job["files"].items()}
    try:
        connection = open_connection(job["path"], job["pragmas"])
        connection.set_busy_timeout(int(job["patience"] * 1000))
        try:
            statements = StatementRunner(connection)
            if job["into"] is None:
                return statements.execute(job["name"], job["statement"], params)
            found = [
                text for (text,) in statements.fetch_rows(job["name"], job["statement"], params) if text is not None
            ]
            for text in found:
                Path(job["into"]).write_bytes(text.encode())
            return len(found)
        finally:
            connection.close()
    except DatabaseError as error:
        raise JobFailed(str(error)) from error
    except BUSY:
        raise JobFailed(f"{job['name']}: the database is locked by another process") from None
