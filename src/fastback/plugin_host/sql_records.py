"""Classes of SQLAlchemy for the server's tables, as `open_webui.models.chats.Chat`."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastback.plugin_host.server_link import SERVER


class UninspectedRecord:
    """A substitute of a class while code is only inspected, when there is no server."""


def find_record_class(name: str, tables: dict[str, str]) -> Any:
    """Return the class of a table by its name; `tables` are those that a module offers.

    Raises:
        AttributeError: the module offers no such class.
    """
    if name not in tables:
        raise AttributeError(name)
    return get_record_class(name, tables[name]) if SERVER.is_connected else UninspectedRecord


@cache
def get_record_class(name: str, table: str) -> Any:
    """Return the declarative class of a table, with all its columns."""
    from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, DateTime, Text

    from fastback.plugin_host.sql_base import Base, JSONField

    types: dict[str, Any] = {
        "text": Text,
        "integer": BigInteger,
        "boolean": Boolean,
        "json": JSON(none_as_null=True),
        "json_text": JSONField,
        "date": Date,
        "datetime": DateTime,
    }
    columns = SERVER.call_blocking("database.describe_table", table=table)
    has_key = any(is_key for _, _, is_key in columns)
    fields: dict[str, Any] = {
        column: Column(types[kind], primary_key=is_key or (not has_key and column == "id"))
        for column, kind, is_key in columns
    }
    return type(name, (Base,), {"__tablename__": table, **fields})
