"""A killed process loses no acknowledged write, and less than a second of an answer; every answer has an end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from conftest import Person
from fastback.demo.process import run_demo_server
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from faults.recorded_clients import (
    MOST_LOST,
    AnswerRecord,
    RecordWriter,
    measure_loss,
    open_recorder,
    record_socket_answer,
    run_writer,
    wait_for_end,
)
from faults.server_process import ServerProcess, prepare_server

#: Kills of the long test on each database.
ROUNDS = 12


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """Run a model server that sends fifty tokens a second."""
    with run_demo_server(rate=50) as url:
        yield url


async def work_until_killed(
    server: ServerProcess, person: Person, *, pages: int, seconds: float
) -> tuple[list[AnswerRecord], list[RecordWriter], float]:
    """Have clients ask and write until the server is killed, and return their records and the time of the kill."""
    async with AsyncExitStack() as stack:
        recorders = [await stack.enter_async_context(open_recorder(person)) for _ in range(pages)]
        writers = [await stack.enter_async_context(run_writer(person)) for _ in range(2)]
        records = [
            await recorder.ask(f"Count {number} [[tokens 5000]]") for recorder in recorders for number in range(2)
        ]
        records.append(await stack.enter_async_context(record_socket_answer(person, "Count [[tokens 5000]]")))
        await asyncio.sleep(seconds)
        killed_at = await server.kill()
    return records, writers, killed_at


async def require_all(
    person: Person, records: list[AnswerRecord], writers: list[RecordWriter], killed_at: float
) -> None:
    """Require of a restarted server what its clients know, and print the largest loss."""
    losses = []
    for record in records:
        message = await wait_for_end(person, record)
        assert message["error"] == INTERRUPTED
        losses.append(measure_loss(record, message["content"], killed_at))
    print(f"lost at most {max(losses):.2f} s of {len(records)} answers")
    assert max(losses) <= MOST_LOST
    for writer in writers:
        assert writer.acknowledged and await writer.count_lost() == 0


async def test_a_killed_process_loses_less_than_a_second(database: str, tmp_path: Path, env: dict[str, str]) -> None:
    async with prepare_server(database, tmp_path, env) as server:
        await server.start()
        person = await server.sign_up()
        records, writers, killed_at = await work_until_killed(server, person, pages=1, seconds=1.6)
        assert all(record.get_text_before(killed_at - MOST_LOST) for record in records)
        await server.start()
        await require_all(person, records, writers, killed_at)


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_process_is_killed_at_any_moment(database: str, tmp_path: Path, env: dict[str, str]) -> None:
    moments = random.Random(20)
    async with prepare_server(database, tmp_path, env) as server:
        await server.start()
        person = await server.sign_up()
        for number in range(ROUNDS):
            # Every third process is killed within the first second of its answers.
            seconds = moments.uniform(0, 0.9) if number % 3 == 0 else moments.uniform(0.9, 5)
            pages = 15 if number % 4 == 3 else 3
            records, writers, killed_at = await work_until_killed(server, person, pages=pages, seconds=seconds)
            await server.start()
            await require_all(person, records, writers, killed_at)
