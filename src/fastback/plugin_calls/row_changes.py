"""`rows.insert`, `rows.update` and `rows.delete`: changes of records that no operation of the HTTP interface makes."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import msgspec

from fastback.features.chats.events import ChatWritten
from fastback.features.functions.events import FunctionsChanged
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.kit.storable_text import encode_json
from fastback.plugin_calls import row_store
from fastback.plugin_calls.row_tables import ROW_TABLES, get_row_type
from fastback.plugin_calls.rows import build_criteria, require_columns
from fastback.plugins.methods import HostMethods
from fastback.providers.registry import ModelsChanged

Json = dict[str, Any]

#: Tables whose rows have services of their own: those change them.
_CHANGED_ELSEWHERE = frozenset({"user", "access_grant", "chat_message"})
#: What is published after a change of a table: an event of the changed row.
_EVENTS: dict[str, Callable[[Json], Any]] = {
    "chat": lambda row: ChatWritten(str(row.get("id")), str(row.get("user_id"))),
    "function": lambda row: FunctionsChanged(),
    "model": lambda row: ModelsChanged(),
}


class RowChangeMethods:
    """Change rows for plugins, and publish what other parts of the server depend on."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus

    def add_to(self, methods: HostMethods) -> None:
        methods.add("rows.insert", self.insert_row)
        methods.add("rows.update", self.update_rows)
        methods.add("rows.delete", self.delete_rows)

    async def insert_row(self, table: str, values: Json) -> None:
        """Insert a row.

        Raises:
            RemoteFailure: of the kind `unknown_column`: the table, or a column of it, is not known; `invalid`: a row
                like this is there already, or what it refers to is not.
        """
        require_changeable(table, values)
        try:
            await row_store.insert_row(self._db, table, values=encode_values(table, values))
        except IntegrityError as error:
            raise RemoteFailure("invalid", str(error)) from None
        await self._publish(table, values)

    async def update_rows(self, table: str, where: Json, values: Json, merge: list[str] | None = None) -> int:
        """Update rows that match `where`; return their number.

        Columns in `merge` are JSON objects: fields of the value replace those of the stored one. Then `where` should
        match one row.

        Raises:
            RemoteFailure: as `insert_row`.
        """
        require_changeable(table, values)
        criteria = build_criteria(table, where)
        rows = await row_store.list_rows(self._db, get_row_type(table), table, where=criteria)
        number = 0
        for row in rows if merge else rows[:1]:
            merged = {**values, **{name: _merge_column(row, name, values[name]) for name in merge or ()}}
            encoded = encode_values(table, merged)
            number += await row_store.update_rows(self._db, table, where=criteria, values=encoded)
        for row in rows:
            await self._publish(table, msgspec.structs.asdict(row))
        return number

    async def delete_rows(self, table: str, where: Json) -> int:
        """Delete rows that match `where`, and return their number.

        Raises:
            RemoteFailure: as `insert_row`; also where nothing is named.
        """
        require_changeable(table, {})
        if not where:
            raise RemoteFailure("invalid", "a deletion names what it deletes")
        criteria = build_criteria(table, where)
        number = await row_store.delete_rows(self._db, table, where=criteria)
        await self._publish(table, where)
        return number

    async def _publish(self, table: str, row: Json) -> None:
        if table in _EVENTS:
            await self._bus.publish(_EVENTS[table](row))


def require_changeable(table: str, values: Json) -> None:
    """Raise RemoteFailure where plugins may not change these columns by themselves."""
    require_columns(table, list(values))
    if table in _CHANGED_ELSEWHERE or (table == "chat" and "chat" in values):
        raise RemoteFailure("unknown_column", f"rows of {table} are not changed this way")


def encode_values(table: str, values: Json) -> Json:
    """Return values as the database stores them: JSON as text, dates as dates."""
    return {name: _encode_value(ROW_TABLES[table].columns[name], value) for name, value in values.items()}


def _encode_value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if kind is msgspec.Raw:
        return encode_json(value)
    if kind == datetime.date | None and isinstance(value, str):
        return datetime.date.fromisoformat(value)
    return value


def _merge_column(row: msgspec.Struct, name: str, fields: Any) -> Any:
    stored = msgspec.json.decode(getattr(row, name))
    return {**(stored if isinstance(stored, dict) else {}), **(fields or {})}
