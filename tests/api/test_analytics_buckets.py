"""Sums over usage buckets equal sums over messages, also while another program changes messages in between."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Any

import apsw
import pytest

from conftest import Server
from fastback.features.analytics import local_time, rollup, usage
from fastback.features.analytics.aggregates import UsageFilter
from fastback.features.analytics.chart import Chart
from fastback.features.analytics.rollup import Rollup
from fastback.features.analytics.usage import UsageStatistics
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.kit.db.statement_timings import timings
from fastback.settings import Settings

NOW = int(time.time())
DAY = 86_400
_INSERT = """
    INSERT INTO chat_message (id, chat_id, user_id, role, content, model_id, usage, created_at, updated_at)
    VALUES (:id, :chat, :user, :role, '"x"', :model, :usage, :at, :changed)"""


class OtherProgram:
    """Another program that writes into the same database."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.random = random.Random(7)
        self.count = 0

    async def create_chats(self) -> None:
        for number in range(12):
            text = "INSERT INTO chat (id, user_id, title, meta) VALUES (:id, 'ada', 'Talk', '{}')"
            await self.db.execute("test.chat", text, id=f"c{number}")

    async def write(self, messages: int) -> None:
        """Write messages of some chats, old and new, some without a user, without a model, or with an invalid time."""
        rng = self.random
        for _ in range(messages):
            self.count += 1
            at = rng.choice([NOW - rng.randrange(700 * DAY), NOW - rng.randrange(2 * DAY), NOW * 1000, 5])
            await self.db.execute(
                "test.message",
                _INSERT,
                id=f"m{self.count}",
                chat=f"c{rng.randrange(12)}",
                user=rng.choice(["ada", "bob", "cy", None]),
                role=rng.choice(["assistant", "assistant", "user"]),
                model=rng.choice(["large", "small", None]),
                usage=rng.choice([None, '{"input_tokens": 3, "completion_tokens": 4}', '{"output_tokens": "x"}']),
                at=at,
                changed=int(time.time()),
            )

    async def change(self) -> None:
        text = """UPDATE chat_message SET model_id = 'other', usage = '{"input_tokens": 50}', updated_at = :now
            WHERE id IN (SELECT id FROM chat_message ORDER BY id LIMIT 9)"""
        await self.db.execute("test.change", text, now=int(time.time()))

    async def delete(self) -> None:
        await self.db.execute("test.delete", "DELETE FROM chat_message WHERE chat_id = 'c3'")
        text = "DELETE FROM chat_message WHERE id IN (SELECT id FROM chat_message LIMIT 5)"
        await self.db.execute("test.delete_some", text)


async def _list_sums(statistics: UsageStatistics) -> list[Any]:
    sums = []
    bounds = [
        UsageFilter(),
        UsageFilter(NOW - 400 * DAY - 77, NOW - 3 * DAY - 5),
        UsageFilter(NOW - 600 * DAY),
        UsageFilter(None, NOW - DAY),
    ]
    for usage_filter in (*bounds, UsageFilter(0, NOW + DAY, "team")):
        sums += [
            await statistics.get_summary(usage_filter),
            await statistics.list_model_usage(usage_filter),
            await statistics.list_token_usage(usage_filter),
        ]
        sums += [await statistics.list_user_usage(usage_filter, by_tokens=flag, limit=9) for flag in (True, False)]
        sums += [await Chart(statistics, "daily", tokens=flag).list_points(usage_filter) for flag in (True, False)]
        sums.append(await Chart(statistics, "3h", tokens=True).list_points(usage_filter))
    return sums


async def test_buckets_and_messages_give_the_same_sums(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "LONG", 0)
    monkeypatch.setattr(rollup, "COUNT_EVERY", 0)
    db = server.services.get(Database)
    await db.execute("test.group", """INSERT INTO "group" (id, user_id, name) VALUES ('team', 'ada', 'T')""")
    for name in ("ada", "bob"):
        text = """INSERT INTO "user" (id, name, email, role) VALUES (:id, :id, :id, 'user')"""
        await db.execute("test.user", text, id=name)
    await db.execute("test.in", "INSERT INTO group_member (id, group_id, user_id) VALUES ('m', 'team', 'bob')")
    buckets = Rollup(db, Bus())
    other_db = await connect(server.services.get(Settings).database_url)
    program = OtherProgram(other_db)
    try:
        await program.create_chats()
        steps = [partial(program.write, 150), program.change, program.delete, partial(program.write, 40)]
        for step in steps:
            await step()
            assert await _list_sums(UsageStatistics(db, buckets)) == await _list_sums(UsageStatistics(db))
        assert await _list_sums(UsageStatistics(db, buckets)) == await _list_sums(UsageStatistics(db))
        assert (await UsageStatistics(db, buckets).get_summary(UsageFilter())).total_messages > 50
    finally:
        await other_db.close()
        await buckets.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_postgres_counts_its_messages_now_and_then(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "LONG", 0)
    db = server.services.get(Database)
    program = OtherProgram(db)
    await program.create_chats()
    await program.write(60)
    await db.execute("test.old", "UPDATE chat_message SET updated_at = 5")  # not changed since the last sum
    statistics = UsageStatistics(db, Rollup(db, Bus()))
    before = (await statistics.get_summary(UsageFilter())).total_messages
    await program.delete()
    # Nobody has said that messages were deleted, and the last count is recent.
    assert (await statistics.get_summary(UsageFilter())).total_messages == before
    monkeypatch.setattr(rollup, "COUNT_EVERY", 0)
    after = (await statistics.get_summary(UsageFilter())).total_messages
    assert after == (await UsageStatistics(db).get_summary(UsageFilter())).total_messages < before


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_postgres_sums_a_chat_up_again_only_after_a_change(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "LONG", 0)
    db = server.services.get(Database)
    program = OtherProgram(db)
    await program.create_chats()
    await program.write(60)
    statistics = UsageStatistics(db, Rollup(db, Bus()))

    async def count_updates() -> int:
        """Return how often a sum has updated buckets, after a sum that equals that over the messages."""
        assert await statistics.list_token_usage(UsageFilter()) == await UsageStatistics(db).list_token_usage(
            UsageFilter()
        )
        return timings["usage.insert_buckets"].count

    count = await count_updates()
    assert await count_updates() == count, "the messages of the last minutes were summed up again"
    # The time of the change is that of the last one: only the version of the row tells it.
    text = """UPDATE chat_message SET usage = '{"input_tokens": 1000}'
        WHERE id IN (SELECT id FROM chat_message WHERE role = 'assistant' AND model_id = 'large' LIMIT 1)"""
    await db.execute("test.change", text)
    assert await count_updates() > count


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_sums_come_from_messages_where_buckets_cannot_be_stored(server: Server) -> None:
    (server.data_dir / "webui.fastback_usage.db").mkdir()
    buckets = Rollup(server.services.get(Database), Bus())
    assert await buckets.find_tables() is None and await buckets.find_tables() is None
    statistics = UsageStatistics(server.services.get(Database), buckets)
    assert (await statistics.get_summary(UsageFilter())).total_messages == 0
    await buckets.close()


def test_local_time_changes_when_the_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        local_time._list_offsets.cache_clear()
        connection = apsw.Connection(":memory:")
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
