"""The worker process of `large_text` on SQLite: its memory, not the server's, holds the large rows.

A job is `{"path": …, "pragmas": {…}, "busy_timeout": seconds, "name": …, "statement": …, "params": {…},
"files": {…}, "target": …}`. Its result is `{"changed": the number of rows that the statement changed}`; where the
selected text is written to the `target` file, the number of texts (0 or 1). A database error is
`{"error": the name of its class, "text": …}`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.kit.db.errors import DatabaseError, StorageFull
from fastback.kit.db.sqlite_connection import StatementRunner, open_connection
from fastback.kit.outages import is_disk_full


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """Run the statement of a job."""
    try:
        return {"changed": _run_statement(job)}
    except DatabaseError as error:
        return {"error": type(error).__name__, "text": str(error)}
    except OSError as error:
        if not is_disk_full(error):
            raise
        return {"error": StorageFull.__name__, "text": f"{job['name']}: {error}"}


def _run_statement(job: dict[str, Any]) -> int:
    params = job["params"] | {name: Path(path).read_bytes().decode() for name, path in job["files"].items()}
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
