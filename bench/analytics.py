"""How long analytics take: `python -m bench.analytics [--messages 1000000] [--postgres URL]`.

Fills an empty database with messages of a year and asks each sum over several stretches of time.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from fastback.features.analytics.aggregates import UsageFilter
from fastback.features.analytics.chart import Chart
from fastback.features.analytics.message_columns import INDEX
from fastback.features.analytics.rollup import Rollup
from fastback.features.analytics.usage import UsageStatistics
from fastback.kit.bus import Bus
from fastback.kit.db import Database, indexes
from fastback.kit.db.connect import connect
from fastback.schema import revision

DAY = 86_400
A_CHAT = 10
RUNS = 5
_INSERT = """
    INSERT INTO chat_message (id, chat_id, user_id, role, content, model_id, done, usage, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :role, :content, :model_id, TRUE, :usage, :at, :at)"""


def rows(messages: int, now: int) -> Iterator[list[dict[str, Any]]]:
    """Chats of ten messages by a thousand users with twenty models, some thousand messages at a time."""
    chance = random.Random(1)
    users = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(1000)]
    some: list[dict[str, Any]] = []
    for _ in range(messages // A_CHAT):
        chat, user, at = uuid.UUID(int=chance.getrandbits(128)), chance.choice(users), now - chance.randrange(365 * DAY)
        model = f"model-{chance.randrange(20)}"
        for number in range(A_CHAT):
            at += chance.randint(5, 60)
            answer = number % 2
            usage = f'{{"input_tokens": {chance.randrange(3000)}, "output_tokens": {chance.randrange(900)}}}'
            some.append(
                {
                    "id": f"{chat}-{number}",
                    "chat_id": str(chat),
                    "user_id": user,
                    "role": "assistant" if answer else "user",
                    "content": f'"{"lorem ipsum " * (40 if answer else 5)}"',
                    "model_id": model if answer else None,
                    "usage": usage if answer else None,
                    "at": at,
                }
            )
        if len(some) >= 10_000:
            yield some
            some = []
    if some:
        yield some


async def timed(what: Callable[[], Awaitable[Any]], clock: Callable[[], float] = time.perf_counter) -> float:
    """The median of some runs, in milliseconds."""
    found = []
    for _ in range(RUNS):
        began = clock()
        await what()
        found.append((clock() - began) * 1000)
    return sorted(found)[RUNS // 2]


async def measure(db: Database, messages: int, clock: Callable[[], float]) -> None:
    """Fill the database and print a line for each sum."""
    now = int(time.time())
    await revision.ensure_schema(db)
    if db.dialect == "postgres":
        await db.execute("bench.key", "ALTER TABLE chat_message DROP CONSTRAINT IF EXISTS chat_message_chat_id_fkey")
    for some in rows(messages, now):
        await db.execute_many("bench.insert", _INSERT, some)
    began = time.perf_counter()
    await indexes.ensure_index(db, INDEX)
    print(f"{messages} messages; the index took {time.perf_counter() - began:.1f} s")
    if db.dialect == "postgres":
        await db.execute("bench.vacuum", "VACUUM ANALYZE chat_message")
    rollup = Rollup(db, Bus()) if db.dialect == "sqlite" else None
    usage = UsageStatistics(db, rollup)
    usage.indexed = True
    if rollup is not None:
        began = time.perf_counter()
        while await rollup.find_tables() is None:  # noqa: ASYNC110 (nobody else waits for it)
            await asyncio.sleep(0.1)
        print(f"sittings took {time.perf_counter() - began:.1f} s")
    print(f"{'median, ms':12}" + "".join(f"{name:>10}" for name in ("7 days", "30 days", "90 days", "all")))
    sums: dict[str, Callable[[UsageFilter], Awaitable[Any]]] = {
        "summary": usage.get_summary,
        "models": usage.list_model_usage,
        "tokens": usage.list_token_usage,
        "users": lambda chosen: usage.list_user_usage(chosen, by_tokens=True, limit=50),
        "daily": Chart(usage, "daily", tokens=True).list_points,
        "hourly": Chart(usage, "hourly", tokens=False).list_points,
    }
    for name, ask in sums.items():
        line = f"{name:12}"
        for days in (7, 30, 90, None):
            chosen = UsageFilter(now - days * DAY, now) if days else UsageFilter()
            line += f"{await timed(lambda ask=ask, chosen=chosen: ask(chosen), clock):10.1f}"  # type: ignore[misc]
        print(line, flush=True)
    if rollup is not None:
        await _changes(db, rollup)
        await rollup.close()


async def _changes(db: Database, rollup: Rollup) -> None:
    """How long the first question waits after something has changed."""
    now = int(time.time())
    for what, text in (
        ("a message written", "UPDATE chat_message SET updated_at = :now WHERE rowid = 1"),
        ("a message deleted unseen", "DELETE FROM chat_message WHERE rowid = 5"),
    ):
        await db.execute("bench.change", text, **({"now": now} if ":now" in text else {}))
        began = time.perf_counter()
        await rollup.find_tables()
        print(f"{what}: {(time.perf_counter() - began) * 1000:.1f} ms")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--processor", action="store_true", help="time of this process's processor, for a busy machine")
    parser.add_argument("--postgres", help="address of an empty database; SQLite otherwise")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analytics-") as folder:
        db = await connect(arguments.postgres or f"sqlite:///{folder}/webui.db")
        try:
            await measure(db, arguments.messages, time.process_time if arguments.processor else time.perf_counter)
        finally:
            await db.close()


if __name__ == "__main__":
    asyncio.run(main())
