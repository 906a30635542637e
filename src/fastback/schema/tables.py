"""The tables of the schema, read from the statements that create them, and these statements in two parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from fastback.kit.db.table_copy.tables import Column, Kind, Reference, Table
from fastback.schema.revision import REVISION, read_schema

#: The table of the revision, which a copy of a database gets at its end.
REVISION_TABLE = "alembic_version"

_KINDS: dict[str, Kind] = {
    "text": "text",
    "character varying": "text",
    "bigint": "integer",
    "integer": "integer",
    "boolean": "boolean",
    "json": "json",
    "date": "date",
    "timestamp without time zone": "timestamp",
}
_TABLE = re.compile(r'CREATE TABLE "?(\w+)"? \((.*)\)', re.DOTALL)
_COLUMN = re.compile(rf'"?(\w+)"? ({"|".join(_KINDS)})(?:\((\d+)\))?(.*)')
_KEY = re.compile(r'ALTER TABLE ONLY "?(\w+)"?\s+ADD CONSTRAINT \w+ PRIMARY KEY \(([^)]+)\)')
_REFERENCE = re.compile(
    r'ALTER TABLE ONLY "?(\w+)"?\s+ADD CONSTRAINT \w+ FOREIGN KEY \((\w+)\) REFERENCES "?(\w+)"?\((\w+)\)'
    r" ON DELETE (CASCADE|SET NULL)"
)
#: A table of our own in a statement of a component, whose types both engines read.
_OWN_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (fastback_\w+) \(")
_OWN_KEY = re.compile(r"PRIMARY KEY \(([^()]+)\)")
_OWN_COLUMN = re.compile(r"(\w+) (TEXT|BIGINT|INTEGER|INT|BOOLEAN)\b(.*)", re.DOTALL)
_OWN_KINDS: dict[str, Kind] = {"TEXT": "text", "BOOLEAN": "boolean"}


class SchemaStatements(NamedTuple):
    """Statements that create the tables, and those that complete them when they have rows."""

    tables: list[str]
    completion: list[str]


def _list_statements(dialect: str) -> list[str]:
    return [statement.strip() for statement in read_schema(dialect).split(";\n") if statement.strip()]


@cache
def list_schema_tables() -> tuple[Table, ...]:
    """Return every table of the schema except that of the revision."""
    statements = _list_statements("postgres")
    keys = {match[1]: match[2].split(", ") for text in statements if (match := _KEY.match(text))}
    references: dict[str, list[Reference]] = {}
    for text in statements:
        if match := _REFERENCE.match(text):
            name, column, target, target_column, action = match.groups()
            reference = Reference(column, target, target_column, clears=action == "SET NULL")
            references.setdefault(name, []).append(reference)
    tables = []
    for text in statements:
        if (match := _TABLE.match(text)) and match[1] != REVISION_TABLE:
            name, columns = match[1], tuple(_iterate_columns(match[2]))
            tables.append(Table(name, columns, tuple(keys[name]), tuple(references.get(name, ()))))
    return tuple(tables)


def _iterate_columns(body: str) -> Iterator[Column]:
    """Yield the columns of a table, each in a line of its own."""
    for line in body.splitlines():
        if match := _COLUMN.match(line.strip()):
            name, kind, limit, rest = match.groups()
            yield Column(name, _KINDS[kind], required="NOT NULL" in rest, limit=int(limit) if limit else None)


def list_own_tables(statements: list[str]) -> list[Table]:
    """Return the tables of our own that these statements create; only their names, types and keys are read."""
    tables = []
    for text in statements:
        match = _OWN_TABLE.search(text)
        if match is None:
            continue
        columns, key = [], []
        body = text[match.end() : text.rindex(")")]
        for definition in body.split(","):
            if column := _OWN_COLUMN.match(definition.strip()):
                name, kind, rest = column.groups()
                columns.append(Column(name, _OWN_KINDS.get(kind, "integer"), required="NOT NULL" in rest))
                if "PRIMARY KEY" in rest:
                    key.append(name)
        if key_match := _OWN_KEY.search(body):
            key = [name.strip() for name in key_match[1].split(",")]
        tables.append(Table(match[1], tuple(columns), tuple(key)))
    return tables


def split_schema(dialect: str) -> SchemaStatements:
    """Return the statements of the schema; the revision is written by the last one.

    In PostgreSQL primary keys come with the tables; in both engines indexes, and in PostgreSQL foreign keys, are
    created faster over existing rows.
    """
    tables: list[str] = []
    completion: list[str] = []
    for text in _list_statements(dialect):
        is_early = text.startswith(("CREATE TABLE", "CREATE SEQUENCE", "ALTER SEQUENCE")) or (
            text.startswith("ALTER TABLE") and ("PRIMARY KEY" in text or "SET DEFAULT" in text)
        )
        (tables if is_early else completion).append(text)
    if dialect == "postgres":
        completion.append(
            "SELECT setval('config_id_seq', coalesce((SELECT max(id) FROM config_old), 1),"
            " EXISTS (SELECT 1 FROM config_old))"
        )
    completion.append(f"INSERT INTO {REVISION_TABLE} (version_num) VALUES ('{REVISION}')")
    return SchemaStatements(tables, completion)
