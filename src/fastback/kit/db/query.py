"""Translate a statement for both databases: parameters, membership of a list, casts.

Statements are written for PostgreSQL, with named parameters (`:name`); here they become texts of SQLite, too.

`column::readable` is a JSON column without NUL characters in its texts. PostgreSQL stores `\\u0000` in JSON, but
refuses to read any part of such JSON, so a single row of the reference's would make a statement over many rows fail.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'            # a string: unchanged
      | "(?:[^"]|"")*"            # a quoted name: unchanged
      | --[^\n]*                  # a comment: unchanged
      | ::\w+                     # a cast of PostgreSQL
      | :(?P<name>[A-Za-z_]\w*)   # a parameter
    """,
    re.VERBOSE,
)
_ANY = re.compile(r"=\s*ANY\s*\(\s*:(\w+)\s*\)", re.IGNORECASE)
_ALL = re.compile(r"<>\s*ALL\s*\(\s*:(\w+)\s*\)", re.IGNORECASE)
_READABLE = re.compile(r"(?<![\w.])([\w.]+)::readable\b")
#: Complete pairs of backslashes are put aside: one of them is no beginning of an escape.
_READABLE_POSTGRES = r"""(CASE WHEN strpos(CAST({0} AS text), '\u0000') = 0 THEN {0} ELSE CAST(replace(replace(
    replace(CAST({0} AS text), '\\', chr(1)), '\u0000', ''), chr(1), '\\') AS json) END)"""
_CAST = re.compile(r"::\w+")
_WRITE = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER)\b", re.IGNORECASE)


def _expand_readable(match: re.Match[str]) -> str:
    return _READABLE_POSTGRES.format(match[1])


class CompiledStatement(msgspec.Struct, frozen=True):
    """The texts of a statement for both engines.

    Attributes:
        names: of the parameters, in the order of PostgreSQL's `$1`, `$2`, …
        writes: whether the statement changes the database.
    """

    sqlite: str
    postgres: str
    names: tuple[str, ...]
    writes: bool


@lru_cache(maxsize=4096)
def compile_statement(text: str) -> CompiledStatement:
    """Return the texts of a statement for both engines, cached: a module constant is compiled once."""
    names: list[str] = []

    def number_parameter(match: re.Match[str]) -> str:
        name = match.group("name")
        if name is None:
            return match.group(0)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    postgres = _TOKEN.sub(number_parameter, _READABLE.sub(_expand_readable, text))
    sqlite = _ANY.sub(r"IN (SELECT value FROM json_each(:\1))", text)
    sqlite = _ALL.sub(r"NOT IN (SELECT value FROM json_each(:\1))", sqlite)
    sqlite = _CAST.sub("", sqlite)
    head = text.lstrip()[:6].upper()
    writes = head not in ("SELECT", "PRAGMA") and _WRITE.search(text) is not None
    return CompiledStatement(sqlite=sqlite, postgres=postgres, names=tuple(names), writes=writes)
