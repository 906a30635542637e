"""Tables as both engines have them: their columns, the conversion of values, digests; and the exchange of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from fastback.app import OWN_TABLES
from fastback.kit.db.errors import InvalidValueError
from fastback.kit.db.table_copy.digests import TableDigest
from fastback.kit.db.table_copy.tables import Column, Table
from fastback.kit.db.table_copy.values import read_row, repair_json
from fastback.schema.tables import REVISION_TABLE, list_own_tables, list_schema_tables, split_schema
from fastback.transfer import file_swap
from fastback.transfer.addresses import open_reader, parse_address
from fastback.transfer.file_swap import Exchange, complete_exchange, exchange_paths, get_new_path
from fastback.transfer.inventory import list_all_tables
from prepared_database import copy_sqlite, postgres_database

_TABLE = Table("thing", (Column("id", "text"), Column("data", "json"), Column("n", "integer")), ("id",))


async def test_tables_are_those_of_both_databases(database: str, tmp_path: Path) -> None:
    async with postgres_database() if database == "postgres" else _copy_file(tmp_path) as address:
        reader = await open_reader(parse_address(address))
        existing = await reader.list_columns()
        await reader.close()
    tables = {table.name: table for table in list_all_tables()}
    expected = set(existing) - {REVISION_TABLE}
    assert {name for name in expected if not name.startswith("fastback_")} <= set(tables)
    for name, table in tables.items():
        assert sorted(table.column_names) == sorted(existing[name]), name
        assert table.key and set(table.key) <= set(table.column_names), name


class _copy_file:  # noqa: N801 (used as a function)
    def __init__(self, folder: Path) -> None:
        self.path = folder / "webui.db"

    async def __aenter__(self) -> str:
        await copy_sqlite(self.path)
        return f"sqlite:///{self.path}"

    async def __aexit__(self, *_: object) -> None:
        pass


def test_foreign_keys_and_own_tables_are_read_from_the_statements() -> None:
    tables = {table.name: table for table in list_schema_tables()}
    assert len(tables) == len([text for text in split_schema("sqlite").tables if "CREATE TABLE" in text]) - 1
    assert [(r.column, r.table, r.clears) for r in tables["knowledge_file"].references] == [
        ("directory_id", "knowledge_directory", True),
        ("file_id", "file", False),
        ("knowledge_id", "knowledge", False),
    ]
    own = {table.name: table.key for table in list_own_tables(list(OWN_TABLES))}
    assert own["fastback_plugin_failure"] == ("kind", "plugin_id")
    assert own["fastback_revoked_token"] == ("jti",)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ('{"a": [1, "ü"]}', '{"a": [1, "ü"]}'),
        ("NaN", "null"),
        ('{"a": -Infinity}', '{"a": null}'),
        ("{oops", '"{oops"'),
        ("", '""'),
        ("[" * 100_000, '"' + "[" * 100_000 + '"'),
        (r'"\u0000x"', '"x"'),
        (r'"\\u0000x"', r'"\\u0000x"'),
        (r'"\ud83d\ude00\ud83d"', r'"\ud83d\ude00\ufffd"'),
        (r'"\ude00"', r'"\ufffd"'),
    ],
)
def test_json_is_repaired(text: str, repaired: str) -> None:
    assert repair_json(text) == repaired


def test_values_are_those_of_their_columns() -> None:
    assert read_row(_TABLE, (b"a\0b", 5, 3.0)) == ("ab", "5", 3)
    assert read_row(_TABLE, (7, float("inf"), "12")) == ("7", "null", 12)
    assert read_row(_TABLE, (None, None, True)) == (None, None, 1)
    with pytest.raises(InvalidValueError, match="thing: n of the row 'x' is no integer"):
        read_row(_TABLE, ("x", "{}", "many"))
    with pytest.raises(InvalidValueError, match="n of the row"):
        read_row(_TABLE, ("x", "{}", 1e300))


@pytest.mark.parametrize(("left", "right"), [("5", "5.0"), ("0.10", "0.1"), (" 7", "7"), ("1e3", "1000")])
def test_digests_treat_numbers_as_sqlite_stores_them(left: str, right: str) -> None:
    assert _digest([("a", left, 1)]) == _digest([("a", right, 1)])


def test_digests_depend_on_rows_but_not_on_their_order() -> None:
    rows = [("a", "{}", 1), ("b", "{}", None)]
    assert _digest(rows) == _digest(rows[::-1])
    assert _digest(rows) != _digest([("a", "{}", 1), ("b", "{}", 0)])
    assert _digest([("a", '"5"', 1)]) != _digest([("a", "5", 1)])


def _digest(rows: list[Any]) -> str:
    digest = TableDigest(_TABLE)
    digest.add_rows(rows)
    return digest.hex


@pytest.mark.parametrize("crash", range(6))
def test_an_interrupted_exchange_is_completed(crash: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads, key, log = tmp_path / "uploads", tmp_path / "key", tmp_path / "db-wal"
    (uploads).mkdir()
    (uploads / "old").write_text("old")
    log.write_text("old")
    get_new_path(uploads).mkdir()
    (get_new_path(uploads) / "new").write_text("new")
    get_new_path(key).write_text("new")
    journal = tmp_path / "journal"
    exchanges = [Exchange(str(uploads)), Exchange(str(key)), Exchange(str(log), is_removed=True)]
    calls = 0
    rename = Path.rename

    def fail_once(path: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == crash:
            raise OSError("crash")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    if 0 < crash < 5:
        with pytest.raises(OSError, match="crash"):
            exchange_paths(journal, exchanges)
        assert complete_exchange(journal)
    else:
        exchange_paths(journal, exchanges)
    assert not complete_exchange(journal)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "uploads"]
    assert [path.name for path in uploads.iterdir()] == ["new"]


def test_a_mount_point_is_not_exchanged() -> None:
    with pytest.raises(Exception, match="mount point"):
        file_swap.require_replaceable([Path("/proc")])


def test_statements_of_both_dialects_are_complete(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "new.db"))
    tables, completion = split_schema("sqlite")
    for text in (*tables, *completion):
        connection.execute(text)
    assert connection.execute("SELECT count(*) FROM alembic_version").fetchall() == [(1,)]
    connection.close()
