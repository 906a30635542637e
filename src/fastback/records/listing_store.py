"""SQL of the lists of workspace records: the rows of one table that a user may read, with their owners."""

from __future__ import annotations

from functools import cache

from fastback.access.grants import build_grant_condition

LIST_USER_SUMMARIES = """SELECT id, name, role, email FROM "user" WHERE id = ANY(:ids)"""


@cache
def build_visible_condition(resource: str, permission: str) -> str:
    """Return the condition on a row `t` that a user (`:user_id`, `:group_ids`, `:permission`) may see it.

    `permission` is `read`, `write`, or `read_only`: granted for reading, not for writing, and not the user's own.
    """
    granted_to_user = build_grant_condition(resource, "t.id")
    if permission != "read_only":
        return f"(t.user_id = :user_id OR {granted_to_user})"
    may_write = granted_to_user.replace("ag.permission = :permission", "ag.permission = 'write'")
    return f"({granted_to_user} AND NOT {may_write} AND t.user_id <> :user_id)"


def build_count(table: str, joined: str, where: str) -> str:
    """Return the statement that counts the rows of a list."""
    return f"SELECT count(*) FROM {table} t {joined} WHERE {where}"


def build_list(columns: str, table: str, joined: str, where: str, order: str, bounds: str) -> str:
    """Return the statement that reads the rows of a list; `bounds` is a LIMIT and OFFSET, or empty."""
    return f"SELECT {columns} FROM {table} t {joined} WHERE {where} ORDER BY {order} {bounds}"
