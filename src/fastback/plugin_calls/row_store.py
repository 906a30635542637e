"""Rows of any table that plugins read, selected by the values of columns."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from fastback.features.chats.fragments import IS_INTERNAL, IS_WAITING, VISIBLE
from fastback.kit.db import Database, Executor
from fastback.kit.db.database import Dialect
from fastback.plugin_calls.row_tables import ROW_TABLES

R = TypeVar("R")

#: Tables whose rows have no long texts: one is read by its id faster than a thread takes over.
_SMALL_ROWS = frozenset({"user", "group", "folder", "model", "memory", "tag", "channel", "channel_member"})
#: As a limit: more than there can be.
NO_LIMIT = 2**62
_IS_UNPINNED = "COALESCE(pinned, FALSE) = FALSE"
_IS_WAITING = IS_WAITING.replace("c.", "r.")
#: Conditions on rows `r` that are not about the value of one column, by table and name.
CONDITIONS: dict[str, dict[str, dict[Dialect, str]]] = {
    "chat": {
        "is_visible": VISIBLE,
        "is_internal": IS_INTERNAL,
        "is_unpinned": {"sqlite": _IS_UNPINNED, "postgres": _IS_UNPINNED},
        "is_waiting": {"sqlite": _IS_WAITING, "postgres": _IS_WAITING},
    }
}


@cache
def build_list(
    table: str, columns: tuple[str, ...], criteria: tuple[str, ...], order: tuple[str, ...], dialect: Dialect
) -> str:
    """Return the statement of rows; see `build_condition` for `criteria`. A column of `order` with `-` descends."""
    names = ", ".join(f'"{name}"' for name in columns)
    sort = ", ".join(f'"{name.lstrip("-")}" {"DESC" if name.startswith("-") else "ASC"}' for name in order)
    return f"""SELECT {names} FROM "{table}" r WHERE {build_condition(table, criteria, dialect)}
        {f"ORDER BY {sort}" if sort else ""} LIMIT :row_limit OFFSET :row_skip"""


@cache
def build_count(table: str, criteria: tuple[str, ...], dialect: Dialect) -> str:
    """Return the statement of the number of rows."""
    return f'SELECT count(*) FROM "{table}" r WHERE {build_condition(table, criteria, dialect)}'


def build_condition(table: str, criteria: tuple[str, ...], dialect: Dialect) -> str:
    """Return a condition of criteria: each is the name of a column, after it `[]` for one of several values, `?` for
    NULL, `~` for a pattern, `<` or `>` for a bound; or the name of one of `CONDITIONS`, after it `!`."""
    return " AND ".join(["TRUE", *(_build_criterion(table, criterion, dialect) for criterion in criteria)])


def _build_criterion(table: str, criterion: str, dialect: Dialect) -> str:
    name, suffix = split_criterion(criterion)
    if suffix == "!":
        return f"({CONDITIONS[table][name][dialect]})"
    conditions = {
        "": f'"{name}" = :{name}',
        "[]": f'"{name}" = ANY(:{name})',
        "?": f'"{name}" IS NULL',
        "~": f"lower(\"{name}\") LIKE lower(:{name}) ESCAPE '\\'",
        "<": f'"{name}" < :{name}_below',
        ">": f'"{name}" > :{name}_above',
    }
    return conditions[suffix]


def split_criterion(criterion: str) -> tuple[str, str]:
    """Return the column and the suffix of a criterion."""
    for suffix in ("[]", "?", "~", "<", ">", "!"):
        if criterion.endswith(suffix):
            return criterion.removesuffix(suffix), suffix
    return criterion, ""


async def list_rows(
    db: Database,
    row: type[R],
    table: str,
    *,
    columns: tuple[str, ...] = (),
    where: dict[str, Any],
    order: tuple[str, ...] = (),
    limit: int = NO_LIMIT,
    skip: int = 0,
) -> list[R]:
    """List rows as `row`, whose fields are `columns`, by default all; `where` are values by criterion."""
    statement = build_list(table, columns or ROW_TABLES[table].names, tuple(where), order, db.dialect)
    params = {"row_limit": limit, "row_skip": skip, **_bind_criteria(where)}
    if "id" in where and table in _SMALL_ROWS:
        return await db.fetch_all(row, "plugin_calls.list_rows", statement, **params)
    return await db.fetch_all_in_thread(row, "plugin_calls.list_rows", statement, **params)


async def count_rows(db: Executor, table: str, *, where: dict[str, Any]) -> int:
    """Return the number of rows; `where` are values by criterion."""
    statement = build_count(table, tuple(where), db.dialect)
    return int(await db.fetch_value("plugin_calls.count_rows", statement, **_bind_criteria(where)))


def _bind_criteria(where: dict[str, Any]) -> dict[str, Any]:
    suffixes = {"<": "_below", ">": "_above"}
    return {
        name + suffixes.get(suffix, ""): value
        for (name, suffix), value in ((split_criterion(criterion), value) for criterion, value in where.items())
        if suffix not in ("?", "!")
    }


@cache
def build_insert(table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that inserts a row."""
    names = ", ".join(f'"{name}"' for name in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join(f":{name}" for name in columns)})'


@cache
def build_update(table: str, columns: tuple[str, ...], criteria: tuple[str, ...], dialect: Dialect) -> str:
    """Return the statement that updates rows; the parameters of new values begin with `new_`."""
    assignments = ", ".join(f'"{name}" = :new_{name}' for name in columns)
    return f'UPDATE "{table}" AS r SET {assignments} WHERE {build_condition(table, criteria, dialect)}'


@cache
def build_delete(table: str, criteria: tuple[str, ...], dialect: Dialect) -> str:
    """Return the statement that deletes rows."""
    return f'DELETE FROM "{table}" AS r WHERE {build_condition(table, criteria, dialect)}'


async def insert_row(db: Database, table: str, *, values: dict[str, Any]) -> None:
    """Insert a row; `values` are as the database stores them."""
    statement = build_insert(table, tuple(values))
    await db.execute_in_thread("plugin_calls.insert_row", statement, **values)


async def update_rows(db: Database, table: str, *, where: dict[str, Any], values: dict[str, Any]) -> int:
    """Update rows; `values` are as the database stores them. Return the number of changed rows."""
    statement = build_update(table, tuple(values), tuple(where), db.dialect)
    params = {f"new_{name}": value for name, value in values.items()}
    return await db.execute_in_thread("plugin_calls.update_rows", statement, **params, **_bind_criteria(where))


async def delete_rows(db: Database, table: str, *, where: dict[str, Any]) -> int:
    """Delete rows, and return their number."""
    statement = build_delete(table, tuple(where), db.dialect)
    return await db.execute_in_thread("plugin_calls.delete_rows", statement, **_bind_criteria(where))
