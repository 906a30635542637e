"""The process that changes derived tables of SQLite where rows of megabytes are read: it has their memory.

A job is `{"path": of the side file, "database": …, "functions": {name: "module:function"}, "busy_timeout":
milliseconds, "changes": [[name, statement, parameters], …]}`. Its result is `{}`, or `{"error": the name of its class,
"text": …}`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

import apsw

from fastback.kit.db.derived_tables.sqlite_connection import prepare_connection
from fastback.kit.db.errors import DatabaseError
from fastback.kit.db.sqlite_connection import StatementRunner, translate_error


def handle(job: dict[str, Any]) -> dict[str, Any]:
    """Run the statements of a job in one transaction."""
    try:
        _apply_changes(job)
    except DatabaseError as error:
        return {"error": type(error).__name__, "text": str(error)}
    return {}


def _apply_changes(job: dict[str, Any]) -> None:
    try:
        connection = apsw.Connection(job["path"], flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    except apsw.Error as error:
        raise translate_error(error, job["path"]) from error
    statements = StatementRunner(connection)
    try:
        connection.set_busy_timeout(job["busy_timeout"])
        functions = {name: _import_function(address) for name, address in job["functions"].items()}
        prepare_connection(connection, job["database"], functions)
        statements.execute("begin", "BEGIN IMMEDIATE", {})
        for name, text, params in job["changes"]:
            statements.execute(name, text, params)
        statements.execute("commit", "COMMIT", {})
    finally:
        connection.close()


def _import_function(address: str) -> Any:
    module, _, name = address.partition(":")
    return cast(Any, getattr(import_module(module), name))
