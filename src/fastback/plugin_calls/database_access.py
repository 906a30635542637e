"""`database.…`: what plugins need to open the server's database themselves, through `open_webui.internal.db`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.schema.revision import read_schema
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

_TABLE = re.compile(r'CREATE TABLE "?(\w+)"? \(\n')
_COLUMN = re.compile(r'"?(\w+)"? (VARCHAR|TEXT|BIGINT|INTEGER|BOOLEAN|JSON|DATETIME|DATE)\b')
#: What a line of a table begins with that defines no column.
_CONSTRAINTS = ("PRIMARY KEY", "CONSTRAINT", "UNIQUE", "FOREIGN KEY")
_KEY = re.compile(r"PRIMARY KEY \(([^()\n]*)\)")
#: Columns of text that hold JSON.
_JSON_TEXTS = {
    "function": {"meta", "valves"},
    "tool": {"specs", "meta", "valves"},
    "model": {"params", "meta"},
}


class DatabaseMethods:
    """Tell plugins where the database is, and which columns its tables have."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def add_to(self, methods: HostMethods) -> None:
        methods.add("database.get_address", self.get_address)
        methods.add("database.describe_table", self.describe_table)

    async def get_address(self) -> dict[str, Any]:
        """Return the `url`, with its password, and the `schema` of PostgreSQL's."""
        log.info("a plugin opens the database by itself")
        return {"url": self._settings.database_url, "schema": self._settings.database_schema}

    async def describe_table(self, table: str) -> list[list[Any]]:
        """Return the name of each column, its kind, and whether it is part of the key.

        Kinds are `text`, `integer`, `boolean`, `json`, `json_text`, `date` and `datetime`.

        Raises:
            RemoteFailure: of the kind `unknown_table`.
        """
        columns = list_tables().get(table)
        if columns is None:
            raise RemoteFailure("unknown_table", f"there is no table {table}")
        return columns


@cache
def list_tables() -> dict[str, list[list[Any]]]:
    """Return the columns of every table of the schema, as `describe_table` has them."""
    kinds = {"VARCHAR": "text", "TEXT": "text", "BIGINT": "integer"}
    tables = {}
    for statement in read_schema("sqlite").split("\n);"):
        table = _TABLE.search(statement)
        if table is None:
            continue
        name, body = table[1], statement[table.end() :]
        key = _KEY.search(body)
        keys = {column.strip(' "') for column in key[1].split(",")} if key else set()
        tables[name] = [
            [
                column,
                "json_text" if column in _JSON_TEXTS.get(name, ()) else kinds.get(kind, kind.lower()),
                column in keys,
            ]
            for column, kind in _iterate_columns(body)
        ]
    return tables


def _iterate_columns(body: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the type of each column in the lines of a table; several may stand in a line."""
    for line in map(str.strip, body.splitlines()):
        if line.startswith(_CONSTRAINTS):
            return
        for definition in line.split(", "):
            if match := _COLUMN.match(definition):
                yield match[1], match[2]
