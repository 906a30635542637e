"""Sums over sittings say what sums over messages say, whoever writes, changes and deletes messages in between."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import Any

import pytest

from conftest import Server
from fastback.features.analytics import local_time, usage
from fastback.features.analytics.aggregates import UsageFilter
from fastback.features.analytics.chart import Chart
from fastback.features.analytics.rollup import Rollup
from fastback.features.analytics.usage import UsageStatistics
from fastback.kit.bus import Bus
from fastback.kit.db import Database

NOW = int(time.time())
DAY = 86_400
_INSERT = """
    INSERT INTO chat_message (id, chat_id, user_id, role, content, model_id, usage, created_at, updated_at)
    VALUES (:id, :chat, :user, :role, '"x"', :model, :usage, :at, :changed)"""


class Another:
    """Another program that writes into the same file."""

    def __init__(self, server: Server) -> None:
        self.connection = sqlite3.connect(server.data_dir / "webui.db", isolation_level=None, timeout=30)
        self.chance = random.Random(7)
        self.count = 0

    def write(self, messages: int) -> None:
        """Messages of some chats, old and new, some of nobody, without a model, or at no time that makes sense."""
        chance = self.chance
        for _ in range(messages):
            self.count += 1
            at = chance.choice([NOW - chance.randrange(700 * DAY), NOW - chance.randrange(2 * DAY), NOW * 1000, 5])
            self.connection.execute(
                _INSERT,
                {
                    "id": f"m{self.count}",
                    "chat": f"c{chance.randrange(12)}",
                    "user": chance.choice(["ada", "bob", "cy", None]),
                    "role": chance.choice(["assistant", "assistant", "user"]),
                    "model": chance.choice(["large", "small", None]),
                    "usage": chance.choice(
                        [None, '{"input_tokens": 3, "completion_tokens": 4}', '{"output_tokens": "x"}']
                    ),
                    "at": at,
                    "changed": int(time.time()),
                },
            )

    def change(self) -> None:
        text = """UPDATE chat_message SET model_id = 'other', usage = '{"input_tokens": 50}', updated_at = :now
            WHERE id IN (SELECT id FROM chat_message ORDER BY id LIMIT 9)"""
        self.connection.execute(text, {"now": int(time.time())})

    def delete(self) -> None:
        self.connection.execute("DELETE FROM chat_message WHERE chat_id = 'c3'")
        self.connection.execute("DELETE FROM chat_message WHERE id IN (SELECT id FROM chat_message LIMIT 5)")


async def _all_sums(found: UsageStatistics) -> list[Any]:
    sums = []
    bounds = [
        UsageFilter(),
        UsageFilter(NOW - 400 * DAY - 77, NOW - 3 * DAY - 5),
        UsageFilter(NOW - 600 * DAY),
        UsageFilter(None, NOW - DAY),
    ]
    for chosen in (*bounds, UsageFilter(0, NOW + DAY, "team")):
        sums += [
            await found.get_summary(chosen),
            await found.list_model_usage(chosen),
            await found.list_token_usage(chosen),
        ]
        sums += [await found.list_user_usage(chosen, by_tokens=flag, limit=9) for flag in (True, False)]
        sums += [await Chart(found, "daily", tokens=flag).list_points(chosen) for flag in (True, False)]
        sums.append(await Chart(found, "3h", tokens=True).list_points(chosen))
    return sums


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_both_say_the_same(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "LONG", 0)
    db = server.services.get(Database)
    await db.execute("test.group", """INSERT INTO "group" (id, user_id, name) VALUES ('team', 'ada', 'T')""")
    await db.execute("test.in", "INSERT INTO group_member (id, group_id, user_id) VALUES ('m', 'team', 'bob')")
    rollup = Rollup(db, Bus())
    another = Another(server)
    another.connection.execute("PRAGMA foreign_keys = OFF")
    try:
        steps = [lambda: another.write(150), another.change, another.delete, lambda: another.write(40), lambda: None]
        for step in steps:
            step()
            assert await _all_sums(UsageStatistics(db, rollup)) == await _all_sums(UsageStatistics(db))
        assert (await UsageStatistics(db, rollup).get_summary(UsageFilter())).total_messages > 50
    finally:
        another.connection.close()
        await rollup.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_where_nothing_can_be_kept_messages_answer(server: Server) -> None:
    (server.data_dir / "webui.fastback_usage.db").mkdir()
    rollup = Rollup(server.services.get(Database), Bus())
    assert await rollup.find_tables() is None and await rollup.find_tables() is None
    assert (await UsageStatistics(server.services.get(Database), rollup).get_summary(UsageFilter())).total_messages == 0
    await rollup.close()


def test_local_time_changes_when_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        local_time._list_offsets.cache_clear()
        connection = sqlite3.connect(":memory:")
        # The last Sundays of March and October 2025.
        first, last = 1_735_000_000, 1_766_000_000
        for moment in (first, 1_743_296_399, 1_743_296_400, 1_761_440_399, 1_761_440_400, last):
            for minutes in (60, 180, 1440):
                text = local_time.build_period_expression("m", minutes, first, last)
                (number,) = connection.execute(f"SELECT {text} FROM (SELECT {moment} AS m)").fetchone()
                local = time.localtime(moment)
                begin = local_time.compute_start(number, minutes)
                assert (begin.year, begin.month, begin.day) == local[:3]
                assert begin.hour * 60 == (local.tm_hour * 60 + local.tm_min) // minutes * minutes
    finally:
        monkeypatch.undo()
        time.tzset()
        local_time._list_offsets.cache_clear()
