"""`fastback migrate`: an installation goes from SQLite to PostgreSQL and back, and continues after an interruption."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from both_ways.activity import FIRST
from both_ways.installation import SharedInstallation
from both_ways.test_reference import find_differences, play_reads, play_writes
from command_runs import kill_command, read_digests, run_command
from prepared_database import POSTGRES, copy_sqlite, postgres_database
from small_disk import mount_disk

pytestmark = pytest.mark.skipif(not POSTGRES, reason="FASTBACK_TEST_POSTGRES names no server")

_INSERT_CHAT = "INSERT INTO chat (id, user_id, title, chat, meta, archived, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_MESSAGE = "INSERT INTO chat_message (id, chat_id, role, content, done, created_at) VALUES (?, ?, ?, ?, ?, ?)"


def _execute(path: Path, *statements: tuple[str, Any]) -> None:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    for text, values in statements:
        connection.execute(text, values)
    connection.close()


async def _fetch_postgres(url: str, text: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(text)]
    finally:
        await connection.close()


async def test_an_installation_goes_to_postgres_and_back(upstream: str, tmp_path: Path) -> None:
    installation = SharedInstallation(tmp_path / "data", upstream, "")
    async with installation.run_program("fastback", cast=True) as player:
        await play_writes(player, FIRST)
    first = tmp_path / "data" / "webui.db"
    # Open WebUI stores the JSON `5` as a number in SQLite, and long texts of many kinds.
    large = json.dumps({"title": "Großes ☕", "text": "Ωx" * 3_000_000})
    _execute(
        first,
        (_INSERT_CHAT, ("large", "u", "Large", large, "{}", False, 2**62)),
        ("INSERT INTO config (key, value, updated_at) VALUES (?, ?, ?)", ("odd.number", "5.0", 1)),
        ('UPDATE "user" SET date_of_birth = ? WHERE email = ?', ("1815-12-10", "ada@example.com")),
        (
            "INSERT INTO config_old (id, data, version, created_at) VALUES (?, ?, ?, ?)",
            (7, "{}", 0, "2024-02-03 04:05:06"),
        ),
        ("INSERT INTO fastback_revoked_token VALUES (?, ?)", ("token", 2**40)),
    )
    async with installation.run_program("fastback") as player:
        before = await play_reads(player)
    source = f"sqlite:///{first}"
    async with postgres_database(empty=True) as address:
        run = await run_command(tmp_path, "migrate", "--from", source, "--to", address, "--json")
        assert run.errors == ""
        tables = {table["name"]: (table["rows"], table["digest"]) for table in run.json["tables"]}
        assert tables == await read_digests(source) == await read_digests(address)
        assert (run.json["removed"], run.json["strangers"], run.json["was_continued"]) == ({}, [], False)
        # The next row of a table with a sequence gets a free number.
        text = "INSERT INTO config_old (data, version) VALUES ('{}', 0) RETURNING id"
        assert await _fetch_postgres(address, text) == [(8,)]
        await _fetch_postgres(address, "DELETE FROM config_old WHERE id = 8")

        moved = SharedInstallation(tmp_path / "data", upstream, address)
        moved.values = installation.values
        async with moved.run_program("fastback") as player:
            assert find_differences(before, await play_reads(player)) == []

        back = tmp_path / "back" / "webui.db"
        run = await run_command(tmp_path, "migrate", "--from", address, "--to", f"sqlite:///{back}")
        assert run.code == 0
        assert "the checksums of both sides agree" in run.output
        assert f"chat: {tables['chat'][0]} rows" in run.errors
        expected = await read_digests(address)
        assert await read_digests(f"sqlite:///{back}") == expected
        assert {name for name in tables if expected[name] != tables[name]} <= {"chat", "user", "fastback_revoked_token"}
        assert [path.name for path in back.parent.glob("*.partial*")] == []
    copied = SharedInstallation(back.parent, upstream, "")
    copied.values = installation.values
    async with copied.run_program("fastback") as player:
        assert find_differences(before, await play_reads(player)) == []


async def test_values_that_only_sqlite_accepts_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "webui.db"
    await copy_sqlite(path)
    odd_json = '{"score": NaN, "text": "a\\u0000b\\ud83d", "emoji": "\\ud83d\\ude00", "path": "\\\\u0000"}'
    _execute(
        path,
        (_INSERT_CHAT, ("chat", "u", "NUL \0 here", odd_json, "{}", 1, 17.0)),
        (_INSERT_CHAT, ("broken", "u", "Broken", "{not json", "{}", "true", 1)),
        (_INSERT_MESSAGE, ("message", "chat", "user", '"x"', 1, 1)),
        (_INSERT_MESSAGE, ("orphan", "gone", "user", '"x"', 1, 1)),
        ('INSERT INTO "group" (id, user_id, name, parent_group_id) VALUES (?, ?, ?, ?)', ("g", "u", "G", "gone")),
        ("INSERT INTO knowledge_directory VALUES (?, ?, ?, ?, ?, ?, ?)", ("a", "gone", None, "A", "u", 1, 1)),
        ("INSERT INTO knowledge_directory VALUES (?, ?, ?, ?, ?, ?, ?)", ("b", "k", "a", "B", "u", 1, 1)),
        ("INSERT INTO knowledge (id, user_id, name, created_at) VALUES (?, ?, ?, ?)", ("k", "u", "K", 1)),
        ("INSERT INTO tag (id, name, user_id) VALUES (?, ?, ?)", ("t", "T", None)),
        ("INSERT INTO tag (id, name, user_id) VALUES (?, ?, ?)", ("t", "T", "u")),
        ("CREATE TABLE migratehistory (id INTEGER PRIMARY KEY, name TEXT)", ()),
    )
    async with postgres_database(empty=True) as address:
        run = await run_command(tmp_path, "migrate", "--from", f"sqlite:///{path}", "--to", address, "--json")
        assert run.json["removed"] == {"chat_message": 1, "knowledge_directory": 2}
        assert run.json["strangers"] == ["migratehistory"]
        assert [(table["name"], table["skipped"]) for table in run.json["tables"] if table["skipped"]] == [("tag", 1)]
        rows = await _fetch_postgres(address, "SELECT id, title, chat, archived, created_at FROM chat ORDER BY id")
        assert rows[0] == ("broken", "Broken", '"{not json"', True, 1)
        assert (rows[1][1], rows[1][3:]) == ("NUL  here", (True, 17))
        content = json.loads(rows[1][2])
        assert content == {"score": None, "text": "ab\ufffd", "emoji": "😀", "path": "\\u0000"}
        assert await _fetch_postgres(address, 'SELECT parent_group_id FROM "group"') == [(None,)]


@pytest.mark.parametrize("direction", ["to postgres", "to sqlite"])
async def test_an_interrupted_migration_continues(direction: str, tmp_path: Path) -> None:
    path = tmp_path / "webui.db"
    await copy_sqlite(path)
    rows = [
        (f"chat-{number:05}", "u", "T", json.dumps({"text": os.urandom(10_000).hex()}), "{}", False, number)
        for number in range(2_000)
    ]
    connection = apsw.Connection(str(path))
    with connection:
        connection.executemany(_INSERT_CHAT, rows)
        connection.execute(_INSERT_MESSAGE, ("m", "chat-00001", "user", '"x"', True, 1))
    connection.close()
    async with postgres_database(empty=True) as address:
        source, target = f"sqlite:///{path}", address
        if direction == "to sqlite":
            quiet = await run_command(tmp_path, "migrate", "--from", source, "--to", address, "--quiet")
            assert tuple(quiet) == (0, "", "")
            source, target = address, f"sqlite:///{tmp_path / 'copy.db'}"

        async def has_some_chats() -> bool:
            partial = tmp_path / "copy.db.partial"
            if direction == "to sqlite":  # reading it would hinder the command
                return partial.exists() and partial.stat().st_size > 10_000_000
            return 0 < await _count_copied(target) < 1_900

        command = ("migrate", "--from", source, "--to", target)
        await kill_command(tmp_path, has_some_chats, *command)
        # Neither program takes the part for a database.
        if direction == "to postgres":
            served = await run_command(tmp_path, "serve", "--port", "1", DATABASE_URL=address)
            served.refused("fastback migrate")
        else:
            assert not (tmp_path / "copy.db").exists()
        (await run_command(tmp_path, "migrate", "--from", f"sqlite:///{tmp_path}/other.db", "--to", target)).refused()
        # The source changes before the migration continues: rows that were copied, and rows that were not.
        changes = (
            "DELETE FROM chat WHERE id = 'chat-00000'",
            "UPDATE chat SET title = 'changed' WHERE id = 'chat-00001'",
            # PostgreSQL stores the changed rows behind all others.
            "UPDATE chat SET archived = archived WHERE id < 'chat-00300'",
            "INSERT INTO chat (id, title, meta) VALUES ('chat-last', 'new', '{}')",
        )
        for text in changes:
            if direction == "to postgres":
                _execute(path, (text, ()))
            else:
                await _fetch_postgres(address, text)
        run = await run_command(tmp_path, *command, "--json")
        assert run.json["was_continued"]
        digests = await read_digests(target)
        assert digests == await read_digests(source)
        assert digests["chat"][0] == 2_000
        (await run_command(tmp_path, *command)).refused("is not empty", "chat")


async def _count_copied(target: str) -> int:
    """Return the number of chats in a PostgreSQL database that is being filled."""
    try:
        rows = await _fetch_postgres(target, "SELECT content FROM fastback_transfer_note WHERE name = 'chat'")
    except asyncpg.PostgresError:
        return 0
    return int(json.loads(rows[0][0])["rows"]) if rows else 0


async def test_a_part_of_another_source_is_discarded_on_request(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        await copy_sqlite(tmp_path / name)
    _execute(tmp_path / "one.db", (_INSERT_CHAT, ("one", "u", "T", "{}", "{}", False, 1)))
    _execute(tmp_path / "two.db", ("UPDATE alembic_version SET version_num = ?", ("abc",)))
    async with postgres_database(empty=True) as address:
        connection = await asyncpg.connect(address)
        await connection.execute("CREATE TABLE fastback_transfer_note (name text PRIMARY KEY, content text NOT NULL)")
        await connection.execute("INSERT INTO fastback_transfer_note VALUES ('source', 'sqlite:///elsewhere')")
        await connection.close()
        command = ("migrate", "--from", f"sqlite:///{tmp_path / 'one.db'}", "--to", address)
        (await run_command(tmp_path, *command)).refused("contains a part of sqlite:///elsewhere", "--restart")
        run = await run_command(tmp_path, *command, "--restart", "--json")
        assert not run.json["was_continued"]
        assert (await read_digests(address))["chat"][0] == 1


async def test_wrong_sources_and_targets_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "webui.db"
    await copy_sqlite(path)
    source = f"sqlite:///{path}"

    async def migrate(source: str, target: str) -> Any:
        return await run_command(tmp_path, "migrate", "--from", source, "--to", target)

    (await migrate(f"sqlite:///{tmp_path}/missing.db", f"sqlite:///{tmp_path}/new.db")).refused(
        "missing.db", "not found"
    )
    assert not list(tmp_path.glob("missing.db*")) and not list(tmp_path.glob("new.db*"))
    (await migrate(source, source)).refused("same database")
    (await migrate("mysql://x/y", source)).refused("not supported")
    (await migrate("webui.db", source)).refused("no URL")
    (await migrate(source, "postgresql://postgres:secret-word@127.0.0.1:1/none")).refused("cannot connect")
    (tmp_path / "text.db").write_text("no database" * 500)
    (await migrate(f"sqlite:///{tmp_path}/text.db", f"sqlite:///{tmp_path}/new.db")).refused("text.db")
    (await migrate(source, f"sqlite:///{tmp_path}/text.db")).refused("text.db")
    (await migrate(source, f"sqlite:///{tmp_path}/text.db/below.db")).refused("text.db")
    _execute(path, ("UPDATE alembic_version SET version_num = 'abc123'", ()))
    (await migrate(source, f"sqlite:///{tmp_path}/new.db")).refused("abc123", "start Open WebUI 0.12.4")
    assert not (tmp_path / "new.db").exists()


async def test_a_full_disk_leaves_no_database(tmp_path: Path) -> None:
    path = tmp_path / "webui.db"
    await copy_sqlite(path)
    body = json.dumps({"text": "x" * 1_000_000})
    _execute(path, *[(_INSERT_CHAT, (f"c{number}", "u", "T", body, "{}", False, 1)) for number in range(12)])
    with mount_disk(8) as disk:
        target = disk.path / "webui.db"
        command = ("migrate", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{target}")
        (await run_command(tmp_path, *command)).refused("full")
        assert not target.exists()
        shutil.move(disk.path / "webui.db.partial", tmp_path / "moved.db.partial")
    run = await run_command(
        tmp_path, "migrate", "--from", f"sqlite:///{path}", "--to", f"sqlite:///{tmp_path}/moved.db", "--json"
    )
    assert run.json["was_continued"]
    assert await read_digests(f"sqlite:///{tmp_path}/moved.db") == await read_digests(f"sqlite:///{path}")
