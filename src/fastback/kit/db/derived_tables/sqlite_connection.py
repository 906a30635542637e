"""What each connection to a side file with derived tables has: the database for reading, and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote

import apsw


def prepare_connection(
    connection: apsw.Connection, database_path: str, functions: Mapping[str, Callable[[Any], Any]]
) -> None:
    """Attach the database, and add functions of one argument."""
    # For reading alone: a transaction here must never lock the database.
    connection.execute("ATTACH :path AS main_database", {"path": f"file:{quote(database_path)}?mode=ro"})
    for name, function in functions.items():
        connection.create_scalar_function(name, cast(Any, function), 1, deterministic=True)
