"""Measure analytics: `python -m bench.analytics [--messages 1000000] [--postgres URL]`.

Fill an empty database with the messages of a year, and measure each sum over several periods.
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
MESSAGES_PER_CHAT = 10
RUNS = 5
_INSERT = """
    INSERT INTO chat_message (id, chat_id, user_id, role, content, model_id, done, usage, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :role, :content, :model_id, TRUE, :usage, :at, :at)"""


def generate_rows(messages: int, now: int) -> Iterator[list[dict[str, Any]]]:
    """Yield batches of rows: chats of ten messages by a thousand users with twenty models."""
    rng = random.Random(1)
    users = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(1000)]
    batch: list[dict[str, Any]] = []
    for _ in range(messages // MESSAGES_PER_CHAT):
        chat, user, at = uuid.UUID(int=rng.getrandbits(128)), rng.choice(users), now - rng.randrange(365 * DAY)
        model = f"model-{rng.randrange(20)}"
        for number in range(MESSAGES_PER_CHAT):
            at += rng.randint(5, 60)
            is_answer = number % 2
            usage = f'{{"input_tokens": {rng.randrange(3000)}, "output_tokens": {rng.randrange(900)}}}'
            batch.append(
                {
                    "id": f"{chat}-{number}",
                    "chat_id": str(chat),
                    "user_id": user,
                    "role": "assistant" if is_answer else "user",
                    "content": f'"{"lorem ipsum " * (40 if is_answer else 5)}"',
                    "model_id": model if is_answer else None,
                    "usage": usage if is_answer else None,
                    "at": at,
                }
            )
        if len(batch) >= 10_000:
            yield batch
            batch = []
    if batch:
        yield batch


async def measure_median(work: Callable[[], Awaitable[Any]], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of several runs, in milliseconds."""
    times = []
    for _ in range(RUNS):
        began = clock()
        await work()
        times.append((clock() - began) * 1000)
    return sorted(times)[RUNS // 2]


async def measure_sums(db: Database, messages: int, clock: Callable[[], float]) -> None:
    """Fill the database, and print a line for each sum."""
    now = int(time.time())
    await revision.ensure_schema(db)
    if db.dialect == "postgres":
        await db.execute("bench.key", "ALTER TABLE chat_message DROP CONSTRAINT IF EXISTS chat_message_chat_id_fkey")
    for batch in generate_rows(messages, now):
        await db.execute_many("bench.insert", _INSERT, batch)
    began = time.perf_counter()
    await indexes.ensure_index(db, INDEX)
    print(f"{messages} messages; the index took {time.perf_counter() - began:.1f} s")
    if db.dialect == "postgres":
        await db.execute("bench.vacuum", "VACUUM ANALYZE chat_message")
    rollup = Rollup(db, Bus())
    usage = UsageStatistics(db, rollup)
    usage.indexed = True
    began = time.perf_counter()
    while await rollup.find_tables() is None:  # noqa: ASYNC110 (nothing else runs)
        await asyncio.sleep(0.1)
    print(f"usage buckets took {time.perf_counter() - began:.1f} s")
    print(f"{'median, ms':12}" + "".join(f"{name:>10}" for name in ("7 days", "30 days", "90 days", "all")))
    sums: dict[str, Callable[[UsageFilter], Awaitable[Any]]] = {
        "summary": usage.get_summary,
        "models": usage.list_model_usage,
        "tokens": usage.list_token_usage,
        "users": lambda usage_filter: usage.list_user_usage(usage_filter, by_tokens=True, limit=50),
        "daily": Chart(usage, "daily", tokens=True).list_points,
        "hourly": Chart(usage, "hourly", tokens=False).list_points,
    }
    for name, compute_sum in sums.items():
        line = f"{name:12}"
        for days in (7, 30, 90, None):
            usage_filter = UsageFilter(now - days * DAY, now) if days else UsageFilter()
            line += (
                f"{await measure_median(lambda compute=compute_sum, chosen=usage_filter: compute(chosen), clock):10.1f}"  # type: ignore[misc]
            )
        print(line, flush=True)
    if db.dialect == "sqlite":
        await _measure_changes(db, rollup)
    await rollup.close()


async def _measure_changes(db: Database, rollup: Rollup) -> None:
    """Print how long the first query waits after a change."""
    now = int(time.time())
    for change, text in (
        ("a message written", "UPDATE chat_message SET updated_at = :now WHERE rowid = 1"),
        ("a message deleted by another program", "DELETE FROM chat_message WHERE rowid = 5"),
    ):
        await db.execute("bench.change", text, **({"now": now} if ":now" in text else {}))
        began = time.perf_counter()
        await rollup.find_tables()
        print(f"{change}: {(time.perf_counter() - began) * 1000:.1f} ms")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument(
        "--processor", action="store_true", help="measure the CPU time of this process, for a busy machine"
    )
    parser.add_argument("--postgres", help="address of an empty database; SQLite otherwise")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="analytics-") as folder:
        db = await connect(arguments.postgres or f"sqlite:///{folder}/webui.db")
        try:
            await measure_sums(db, arguments.messages, time.process_time if arguments.processor else time.perf_counter)
        finally:
            await db.close()


if __name__ == "__main__":
    asyncio.run(main())
