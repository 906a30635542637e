"""The worker process of `large_text` on SQLite: its memory, not the server's, holds the large rows.

A job is `{"path": …, "pragmas": {…}, "busy_timeout": seconds, "name": …, "statement": …, "params": {…},
"files": {…}, "target": …}`. Its result is the number of rows that the statement changed; or, where the selected text is
written to the `target` file, the number of texts (0 or 1).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.sqlite_connection import BusyError, StatementRunner, open_connection
from fastback.kit.workers.errors import JobFailed


def handle(job: dict[str, Any]) -> int:
    """Run the statement of a job.

    Raises:
        JobFailed: the statement fails, or another process holds the file for longer than `busy_timeout`.
    """
    params = job["params"] | {name: Path(path).read_bytes().decode() for name, path in job["files"].items()}
    try:
        connection = open_connection(job["path"], job["pragmas"])
        connection.set_busy_timeout(int(job["busy_timeout"] * 1000))
        try:
            statements = StatementRunner(connection)
            if job["target"] is None:
                return statements.execute(job["name"], job["statement"], params)
            rows = statements.fetch_rows(job["name"], job["statement"], params)
            texts = [text for (text,) in rows if text is not None]
            for text in texts:
                Path(job["target"]).write_bytes(text.encode())
            return len(texts)
        finally:
            connection.close()
    except DatabaseError as error:
        raise JobFailed(str(error)) from error
    except BusyError:
        raise JobFailed(f"{job['name']}: the database is locked by another process") from None
