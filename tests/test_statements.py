"""Every statement is prepared on both databases, and its columns are those of its rows' type.

A module whose statements are not named constants yet is in `NOT_CONVERTED`; the list only shrinks.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import apsw
import apsw.ext
import asyncpg
import msgspec
import pytest

from fastback.features.analytics import usage_store
from fastback.features.analytics.local_time import build_period_expression
from fastback.features.analytics.message_columns import CHANGED
from fastback.features.chats.lists.page_store import Scope
from fastback.features.chats.search.query import Needle
from fastback.features.chats.search.store import ChatCriteria
from fastback.features.evaluations.page_store import FeedbackOrder
from fastback.features.files import store as file_store
from fastback.features.knowledge import file_list_store
from fastback.features.scim import group_store, user_store
from fastback.features.scim.condition_store import Column, ConditionBuilder, join_conditions
from fastback.kit.db.connect import connect
from fastback.kit.db.derived_tables import make_derived_tables
from fastback.kit.db.derived_tables.protocol import TablesDesign
from fastback.kit.db.derived_tables.sqlite import SqliteDerivedTables
from fastback.kit.db.indexes import ensure_index
from fastback.kit.db.query import compile_statement
from fastback.kit.db.sqlite_connection import open_connection
from fastback.records.revision_store import RevisionStore
from prepared_database import POSTGRES, copy_sqlite, postgres_database
from statement_sources import (
    Call,
    Statement,
    Variants,
    list_aliases,
    list_calls,
    list_constants,
    list_module_names,
    parse_module,
)

_CRITERIA = [
    ChatCriteria("u"),
    ChatCriteria("u", needles=[Needle("hello world"), Needle("a%b", wild=True)], tags=["none"]),
    ChatCriteria("u", tags=["work"], conditions=["c.pinned = TRUE"], has_few=True),
]
_SCOPES = [Scope(), Scope(in_folder=True), Scope(with_folders=True, with_pinned=True)]
_FILTERS = [(), tuple(file_store._FILTERS)]


def _compare_columns(columns: dict[str, Column]) -> str:
    """Return a condition that compares every column that both databases compare in the same way."""
    builder = ConditionBuilder("sqlite")
    values = {"text": ("co", "x"), "exact": ("eq", "x"), "time": ("gt", 1.5), "flag": ("eq", True)}
    return join_conditions(
        "AND",
        [
            builder.compare(column._replace(elements=None), *values[column.kind])
            for column in columns.values()
            if column.sql
        ],
    ).sql


_PERIOD = build_period_expression("moment", 60, 1_735_000_000, 1_766_000_000)
_USAGE_SOURCE = usage_store.build_source(use_index=False, has_start=True, has_end=True, has_members=True)
#: Values of arguments of functions that return a statement, where their types do not enumerate them.
VARIANTS: Variants = {
    "fastback.features.analytics.usage_buckets_store.build_values_over_time": {"period": [_PERIOD]},
    "fastback.features.analytics.usage_store.build_model_usage": {"source": [_USAGE_SOURCE]},
    "fastback.features.analytics.usage_store.build_summary": {"source": [_USAGE_SOURCE]},
    "fastback.features.analytics.usage_store.build_token_usage": {"source": [_USAGE_SOURCE]},
    "fastback.features.analytics.usage_store.build_user_usage": {"source": [_USAGE_SOURCE]},
    "fastback.features.analytics.usage_store.build_values_over_time": {"source": [_USAGE_SOURCE], "period": [_PERIOD]},
    "fastback.features.automations.store._build_statements": {"spellings": [0, 2], "is_active": [None, True]},
    "fastback.features.channels.members.reader_store._build_page": {"order": ["none", "group DESC", "name ASC"]},
    "fastback.features.channels.messages.search_store._build_search": {"term_count": [1, 2]},
    "fastback.features.chats.lists.store._build_archived_list": {"order": ["updated_at DESC, id"]},
    "fastback.features.chats.lists.page_store._build_count": {"scope": _SCOPES},
    "fastback.features.chats.lists.page_store._build_page": {
        "scope": _SCOPES,
        "part": [None, "waiting", "others"],
        "order": ["c.updated_at DESC, c.id"],
    },
    "fastback.features.chats.lists.store._build_user_list": {"order": ["updated_at DESC, id"]},
    "fastback.features.chats.messages.store._build_upsert": {
        "given_columns": [frozenset(), frozenset({"content", "done"})]
    },
    "fastback.features.chats.search.passage_store._build_passage_statement": {
        "table": ["chat", "shared_chat"],
        "count": [0, 1, 2],
    },
    "fastback.features.chats.search.passage_store._build_snippet_statement": {"count": [1, 2]},
    "fastback.features.chats.search.store.build_chat_statement": {
        "criteria": _CRITERIA,
        "limit": [9],
        "ids": [None, ["a"]],
    },
    "fastback.features.chats.search.store.build_index_statement": {
        "criteria": _CRITERIA,
        "expression": ["", "abc"],
        "limit": [9],
    },
    "fastback.features.chats.search.store.build_newest_statement": {
        "criteria": _CRITERIA,
        "window": [99],
        "limit": [9],
    },
    "fastback.features.evaluations.page_store._build_page_ids": {
        "order": [
            FeedbackOrder(),
            FeedbackOrder("rating", "asc"),
            FeedbackOrder("username"),
            FeedbackOrder("model_id"),
        ],
    },
    "fastback.features.files.store._build_count_statement": {"filters": _FILTERS},
    "fastback.features.files.store._build_page_statement": {"filters": _FILTERS},
    "fastback.features.files.store._build_update_statement": {
        "columns": [(), ("hash", "filename")],
        "data": [(), ("content", "status")],
        "meta": [(), ("name",)],
    },
    "fastback.features.folders.chat_store._build_list": {
        "order": ["c.updated_at DESC, c.id"],
        "part": [None, "waiting", "others"],
    },
    "fastback.features.folders.store._build_update": {"columns": [(), ("meta", "data")]},
    "fastback.features.groups.store._build_update": {"columns": [(), ("name", "description")]},
    "fastback.features.knowledge.file_list_store._build_count": {
        "source": ["knowledge_file kf JOIN file f ON f.id = kf.file_id"],
        "where": [file_list_store._READABLE, "lower(f.filename) LIKE lower(:query)"],
    },
    "fastback.features.knowledge.file_list_store._build_page": {
        "source": ["knowledge_file kf JOIN file f ON f.id = kf.file_id"],
        "where": [file_list_store._READABLE, "lower(f.filename) LIKE lower(:query)"],
        "order": ["f.updated_at DESC, f.id"],
        "limit": [30],
        "skip": [0],
    },
    "fastback.features.knowledge.store._build_update_statement": {"columns": [(), ("name", "description")]},
    "fastback.features.models.store._build_page_statements": {
        "owner_operator": ["", "=", "<>"],
        "order": ["m.created_at DESC"],
    },
    "fastback.features.scim.group_store._build_count": {"condition": [_compare_columns(group_store.FILTER_COLUMNS)]},
    "fastback.features.scim.group_store._build_page_ids": {"condition": [_compare_columns(group_store.FILTER_COLUMNS)]},
    "fastback.features.scim.user_store._build_count": {
        "condition": ["TRUE", _compare_columns(user_store.FILTER_COLUMNS)]
    },
    "fastback.features.scim.user_store._build_page_ids": {
        "condition": ["TRUE", _compare_columns(user_store.FILTER_COLUMNS)]
    },
    "fastback.features.search.store._build_note_list": {
        "term_count": [0, 1, 2],
        "sharing": ["all", "mine", "shared"],
    },
    "fastback.features.search.store._build_pinned_list": {"conditions": [("c.archived = FALSE",)]},
    "fastback.features.search.store._build_snapshot_list": {"term_count": [0, 1, 2]},
    "fastback.features.users.admin_store._build_page_ids": {"order": ["u.created_at DESC"]},
    "fastback.features.users.store._build_update": {"columns": [("name", "role")]},
    **{
        f"fastback.plugin_calls.row_store.build_{verb}": {
            "table": ["file"],
            "criteria": [("id",), ("id[]", "path?", "filename~", "created_at>", "created_at<")],
            "order": [(), ("-created_at", "id")],
            "columns": [("id", "data")],
        }
        for verb in ("list", "count", "insert", "update", "delete")
    },
    "fastback.records.column_store._build_update": {"table": ["model", "prompt"], "columns": [("name",)]},
    "fastback.records.listing_store.build_count": {"table": ["note"], "joined": [""], "where": ["TRUE"]},
    "fastback.records.listing_store.build_list": {
        "columns": ["t.id"],
        "table": ["note"],
        "joined": [""],
        "where": ["TRUE"],
        "order": ["t.updated_at DESC, t.id"],
    },
    "fastback.records.listing_store.build_page_ids": {
        "table": ["note"],
        "joined": [""],
        "where": ["TRUE"],
        "order": ["t.updated_at DESC, t.id"],
    },
    "fastback.records.listing_store.build_rows": {"columns": ["t.id"], "table": ["note"], "joined": [""]},
}
#: What `self` is, in modules whose statements are attributes.
OBJECTS: dict[str, list[object]] = {
    "fastback.records.revision_store": [
        RevisionStore(noun) for noun in ("model", "prompt", "skill", "tool", "function")
    ],
}
#: Functions that return the text of a statement, by its name, where the text reaches the call as an argument.
PASSED_ON: dict[str, list[str]] = {
    "search.read_hits": [
        "fastback.features.chats.search.store.build_index_statement",
        "fastback.features.chats.search.store.build_newest_statement",
    ],
    "search.read_titles": ["fastback.features.chats.search.store.build_chat_statement"],
}
#: Modules with statements that are not constants, or with names that are not literal.
NOT_CONVERTED: set[str] = set()
#: Packages that read the derived tables of another one.
READERS = {"fastback.features.search.": "fastback.features.chats.search."}
#: Modules whose statements run on files and databases of their own, or are passed through; tests run them there.
ELSEWHERE = (
    "fastback.kit.db.",
    "fastback.plugin_host.",
    "fastback.retrieval.embedding.cache",
    "fastback.retrieval.vectors.",
)

Columns = list[str] | None


def _list_modules() -> list[str]:
    return [name for name in list_module_names() if not name.startswith(ELSEWHERE)]


def _list_designs() -> dict[str, TablesDesign]:
    """Return the derived tables that the statements of a package read beside the database, by package."""
    designs = {}
    for name in _list_modules():
        if "TablesDesign" in ast.dump(parse_module(name)):
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, TablesDesign):
                    designs[name.rpartition(".")[0] + "."] = value
    return designs | {reader: designs[package] for reader, package in READERS.items()}


def _collect_calls() -> list[Call]:
    return [
        call for module in _list_modules() for call in list_calls(module, VARIANTS, OBJECTS.get(module, ()), PASSED_ON)
    ]


def _collect_statements(calls: list[Call]) -> dict[str, Statement]:
    """Return every statement by its key: public constants, and the texts of calls."""
    constants = [statement for module in _list_modules() for statement in list_constants(module)]
    called = [statement for call in calls for statement in call.statements]
    return {statement.key: statement for statement in (*constants, *called)}


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return _collect_calls()


@pytest.fixture(scope="module")
def statements(calls: list[Call]) -> dict[str, Statement]:
    return _collect_statements(calls)


def test_statements_are_constants_with_literal_names(calls: list[Call]) -> None:
    problems: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        if call.problem is not None:
            problems[call.module].append(f"{call.module}:{call.line}: {call.problem}")
    unexpected = [text for module, texts in problems.items() if module not in NOT_CONVERTED for text in texts]
    assert not unexpected, "\n".join(unexpected)
    assert not NOT_CONVERTED - set(problems), "take these modules out of NOT_CONVERTED"


def test_a_name_belongs_to_one_statement(calls: list[Call]) -> None:
    sources: dict[str, set[frozenset[str]]] = defaultdict(set)
    for call in calls:
        if call.name is not None:
            sources[call.name].add(frozenset(re.split(r"[\[(]", statement.key)[0] for statement in call.statements))
    shared = {name: [sorted(keys) for keys in groups] for name, groups in sources.items() if len(groups) > 1}
    assert not shared, shared


async def test_sqlite_prepares_every_statement(
    statements: dict[str, Statement], calls: list[Call], tmp_path: Path
) -> None:
    path = tmp_path / "webui.db"
    await copy_sqlite(path)
    db = await connect(f"sqlite:///{path}")
    await ensure_index(db, CHANGED)
    connections = {"": open_connection(str(path), {})}
    opened = []
    for package, design in _list_designs().items():
        tables = make_derived_tables(db, design)
        assert isinstance(tables, SqliteDerivedTables)
        await tables.open()
        opened.append(tables)
        connections[package] = apsw.Connection(
            str(tables.path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
        )
        tables._prepare_connection(connections[package])
    columns: dict[str, list[str]] = {}
    failures = []
    try:
        for key, statement in statements.items():
            if statement.dialect == "postgres":
                continue
            matching = [connection for package, connection in connections.items() if key.startswith(package)]
            errors = []
            for connection in matching:
                try:
                    details = apsw.ext.query_info(connection, compile_statement(statement.text).sqlite)
                    columns[key] = [name for name, _ in details.description or ()]
                    break
                except apsw.Error as error:
                    errors.append(str(error))
            else:
                failures.append(f"{key}: {'; '.join(errors)}")
    finally:
        for connection in connections.values():
            connection.close()
        for tables in opened:
            await tables.close()
        await db.close()
    assert not failures, "\n".join(failures)
    _check_rows(calls, columns)


@pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")
async def test_postgres_prepares_every_statement(statements: dict[str, Statement], calls: list[Call]) -> None:
    columns: dict[str, list[str]] = {}
    failures = []
    async with postgres_database() as address:
        connection = await asyncpg.connect(address)
        try:
            for design in _list_designs().values():
                for text in design.tables["postgres"]:
                    await connection.execute(text)
            for key, statement in statements.items():
                if statement.dialect == "sqlite":
                    continue
                try:
                    prepared = await connection.prepare(compile_statement(statement.text).postgres)
                    columns[key] = [attribute.name for attribute in prepared.get_attributes()]
                except asyncpg.PostgresError as error:
                    failures.append(f"{key}: {error}")
        finally:
            await connection.close()
    assert not failures, "\n".join(failures)
    _check_rows(calls, columns)


def _check_rows(calls: list[Call], columns: dict[str, list[str]]) -> None:
    """Check that each statement selects a column for each field of its rows, in the same order."""
    problems = []
    for call in calls:
        for statement in call.statements:
            if call.row is not None and statement.key in columns:
                problem = _compare(call.row, columns[statement.key], statement.text)
                if problem:
                    problems.append(f"{call.module}:{call.line} {statement.key}: {problem}")
    assert not problems, "\n".join(problems)


def _compare(row: Any, columns: list[str], text: str) -> str | None:
    if not (isinstance(row, type) and issubclass(row, msgspec.Struct)):
        return None if columns else "no column"
    fields = msgspec.structs.fields(row)
    if len(columns) > len(fields):
        return f"{len(columns)} columns for {len(fields)} fields of {row.__name__}"
    without = [field.name for field in fields[len(columns) :] if field.required]
    if without:
        return f"no columns for {without} of {row.__name__}"
    names = [field.name for field in fields[: len(columns)]]
    for index, name in enumerate(names):
        if name in columns and columns[index] != name:
            return f"column {index} of {row.__name__} is {columns[index]}, its field is {name}"
    for index, (alias, name) in enumerate(zip(list_aliases(text), names, strict=False)):
        if alias is not None and alias != name:
            return f"column {index} is called {alias}, the field of {row.__name__} {name}"
    return None
