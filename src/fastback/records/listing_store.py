"""SQL of the lists of workspace records: the rows of one table that a user may read, with their owners."""

from __future__ import annotations

from functools import cache

from fastback.access.grants import build_granted_ids
from fastback.kit.db.database import Dialect

LIST_USER_SUMMARIES = """SELECT id, name, role, email FROM "user" WHERE id = ANY(:ids)"""


def build_membership(dialect: Dialect, column: str, statement: str) -> str:
    """Return the condition that a column is among the values of a statement, which the database runs once.

    PostgreSQL may run a subquery for every row, where it expects few rows.
    """
    return f"{column} IN ({statement})" if dialect == "sqlite" else f"{column} = ANY (ARRAY({statement}))"


@cache
def build_visible_condition(dialect: Dialect, resource: str, table: str, permission: str) -> str:
    """Return the condition on a row `t` that a user (`:user_id`, `:group_ids`, `:permission`) may see it.

    `permission` is `read`, `write`, or `read_only`: granted for reading, not for writing, and not the user's own.
    """
    granted_ids = build_granted_ids(resource)
    if permission != "read_only":
        # Lists find the ids first: a condition on each row would read every row, and look for its grants.
        own_ids = f"SELECT o.id FROM {table} o WHERE o.user_id = :user_id"
        return build_membership(dialect, "t.id", f"{own_ids} UNION ALL {granted_ids}")
    is_readable = build_membership(dialect, "t.id", granted_ids)
    is_writable = build_membership(dialect, "t.id", build_granted_ids(resource, "'write'"))
    return f"({is_readable} AND NOT ({is_writable}) AND t.user_id <> :user_id)"


def build_count(table: str, joined: str, where: str) -> str:
    """Return the statement that counts the rows of a list."""
    return f"SELECT count(*) FROM {table} t {joined} WHERE {where}"


def build_page_ids(table: str, joined: str, where: str, order: str) -> str:
    """Return the statement that reads the ids of a page and, beside each, the number of rows on all pages.

    It reads no long texts: sorting rows that contain them is slow.
    """
    return f"""SELECT t.id, count(*) OVER () FROM {table} t {joined} WHERE {where}
        ORDER BY {order} LIMIT :limit OFFSET :skip"""


def build_rows(columns: str, table: str, joined: str) -> str:
    """Return the statement that reads the rows with these ids."""
    return f"SELECT {columns} FROM {table} t {joined} WHERE t.id = ANY(:ids)"


def build_list(columns: str, table: str, joined: str, where: str, order: str) -> str:
    """Return the statement that reads all rows of a list."""
    return f"SELECT {columns} FROM {table} t {joined} WHERE {where} ORDER BY {order}"
