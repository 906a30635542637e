"""Translate a statement for both databases: parameters, membership of a list, casts.

Statements are written for PostgreSQL, with named parameters (`:name`); here they become texts of SQLite, too.
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
_CAST = re.compile(r"::\w+")
_WRITE = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER)\b", re.IGNORECASE)


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

    postgres = _TOKEN.sub(number_parameter, text)
    sqlite = _ANY.sub(r"IN (SELECT value FROM json_each(:\1))", text)
    sqlite = _ALL.sub(r"NOT IN (SELECT value FROM json_each(:\1))", sqlite)
    sqlite = _CAST.sub("", sqlite)
    head = text.lstrip()[:6].upper()
    writes = head not in ("SELECT", "PRAGMA") and _WRITE.search(text) is not None
    return CompiledStatement(sqlite=sqlite, postgres=postgres, names=tuple(names), writes=writes)
