"""`database.…`: what plugins need to open the server's database themselves, through `open_webui.internal.db`."""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods
from fastback.schema.revision import read_schema
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

_TABLE = re.compile(r'CREATE TABLE "?(\w+)"? \((.*?)\n\);', re.DOTALL)
_COLUMN = re.compile(r'(?:^\s*|,\s*)"?(\w+)"? (VARCHAR|TEXT|BIGINT|INTEGER|BOOLEAN|JSON|DATETIME|DATE)\b', re.MULTILINE)
_KEY = re.compile(r"PRIMARY KEY \(([^)]*)\)")
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
    for name, body in _TABLE.findall(read_schema("sqlite")):
        match = _KEY.search(body)
        keys = {key.strip(' "') for key in match[1].split(",")} if match else set()
        tables[name] = [
            [
                column,
                "json_text" if column in _JSON_TEXTS.get(name, ()) else kinds.get(kind, kind.lower()),
                column in keys,
            ]
            for column, kind in _COLUMN.findall(_remove_constraints(body))
        ]
    return tables


def _remove_constraints(body: str) -> str:
    """Return the definitions of columns without those of constraints, each from its beginning."""
    return re.split(r"\n\s*(?:PRIMARY KEY|CONSTRAINT|UNIQUE|FOREIGN KEY)\b", body)[0]
