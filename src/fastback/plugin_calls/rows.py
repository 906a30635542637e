"""`rows.list` and `rows.count`: rows of tables, for the classes of `open_webui.models`."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_calls import row_store
from fastback.plugin_calls.row_tables import ROW_TABLES, get_row_type
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class RowMethods:
    """Read rows for plugins. A column of JSON goes out as the bytes of its text."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add_to(self, methods: HostMethods) -> None:
        methods.add("rows.list", self.list_rows)
        methods.add("rows.count", self.count_rows)

    async def list_rows(
        self,
        table: str,
        where: Json,
        order: list[str] | None = None,
        limit: int | None = None,
        skip: int | None = None,
        columns: list[str] | None = None,
    ) -> list[Json]:
        """Return rows that match `where`, with these columns, by default all.

        `where` are values of columns: a list means any of its values, None means NULL. Names of `CONDITIONS` with True
        are conditions, too.

        Raises:
            RemoteFailure: of the kind `unknown_column`: the table, or a column of it, is not known.
        """
        criteria = build_criteria(table, where)
        require_columns(table, [*(columns or ()), *(name.lstrip("-") for name in order or ())])
        names = tuple(columns or ())
        rows = await row_store.list_rows(
            self._db,
            get_row_type(table, names),
            table,
            columns=names,
            where=criteria,
            order=tuple(order or ()),
            limit=row_store.NO_LIMIT if limit is None else max(limit, 0),
            skip=max(skip or 0, 0),
        )
        return [encode_row(row) for row in rows]

    async def count_rows(self, table: str, where: Json) -> int:
        """Return the number of rows that match `where`.

        Raises:
            RemoteFailure: as `list_rows`.
        """
        return await row_store.count_rows(self._db, table, where=build_criteria(table, where))


def require_columns(table: str, names: list[str]) -> None:
    """Raise RemoteFailure where the table is unknown or has no such column."""
    if table not in ROW_TABLES:
        raise RemoteFailure("unknown_column", f"there is no table {table} for plugins")
    unknown = set(names) - set(ROW_TABLES[table].columns)
    if unknown:
        raise RemoteFailure("unknown_column", f"{table} has no columns {', '.join(sorted(unknown))}")


def build_criteria(table: str, where: Json) -> Json:
    """Return the values by the criteria of `row_store`.

    Raises:
        RemoteFailure: the table, or a column of it, is not known.
    """
    conditions = row_store.CONDITIONS.get(table, {})
    require_columns(table, [row_store.split_criterion(name)[0] for name in where if name not in conditions])
    criteria: Json = {}
    for name, value in where.items():
        if name in conditions:
            criteria |= {f"{name}!": True} if value else {}
        elif value is None:
            criteria[f"{name}?"] = None
        elif isinstance(value, list):
            criteria[f"{name}[]"] = value
        else:
            criteria[name] = value
    return criteria


def encode_row(row: msgspec.Struct) -> Json:
    """Return a row by its columns, dates as texts, columns of JSON as the bytes of their text."""
    return {name: _encode_value(value) for name, value in msgspec.structs.asdict(row).items()}


def _encode_value(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return bytes(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
