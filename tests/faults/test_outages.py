"""A database that is locked, away, frozen or full while answers run: pages hear the end, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from conftest import Person
from fastback.demo.process import run_demo_server
from faults.postgres_instance import PostgresInstance, find_programs, run_postgres
from faults.recorded_clients import AnswerRecord, RecordWriter, open_recorder, read_answer, run_writer, wait_for_end
from faults.server_process import ServerProcess, prepare_server
from locked_database import lock_address
from waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

#: Seconds that an answer takes.
ANSWER_SECONDS = 3
#: Seconds of an outage: the answers end meanwhile.
OUTAGE_SECONDS = 8
#: Seconds after an outage in which everything is stored: the longest pause before a retry, and some work.
SETTLING_SECONDS = 10

needs_postgres = pytest.mark.skipif(find_programs() is None, reason="PostgreSQL's programs are not installed")


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with run_demo_server(rate=50) as url:
        yield url


@asynccontextmanager
async def run_clients(person: Person) -> AsyncIterator[tuple[list[AnswerRecord], RecordWriter]]:
    """Have clients ask and write while the context is open."""
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(run_writer(person))
        recorders = [await stack.enter_async_context(open_recorder(person)) for _ in range(2)]
        text = f"[[tokens {50 * ANSWER_SECONDS}]]"
        records = [await recorder.ask(f"Count {number} {text}") for recorder in recorders for number in range(3)]
        await wait_until(lambda: all(record.pieces for record in records), 20)
        yield records, writer


async def require_shown(records: list[AnswerRecord]) -> None:
    """Require that every page has heard the end of its answer, with its whole text, in about the time it takes."""
    await wait_until(lambda: all(record.has_ended for record in records), ANSWER_SECONDS * 2 + 3)
    for record in records:
        assert record.error is None and record.text.endswith(f"word{50 * ANSWER_SECONDS - 1} ")


async def require_stored(person: Person, records: list[AnswerRecord], writer: RecordWriter) -> None:
    """Require that everything that clients know is stored, by the answers of a fresh process."""
    for record in records:
        message = await read_answer(person, record)
        assert (message["content"], message["done"]) == (record.text.strip(), True)
        assert message.get("error") is None
    assert writer.acknowledged and await writer.count_lost() == 0


async def restart(server: ServerProcess) -> None:
    """Kill the process and start another one: only what is stored counts."""
    await server.kill()
    await server.start()


async def test_a_locked_database(database: str, tmp_path: Path, env: dict[str, str]) -> None:
    async with prepare_server(database, tmp_path, env) as server:
        await server.start(DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT="2000")
        person = await server.sign_up()
        async with run_clients(person) as (records, writer):
            async with lock_address(server.database_address, "chat", "chat_message", "note", "folder"):
                await asyncio.gather(require_shown(records), asyncio.sleep(OUTAGE_SECONDS))
            await asyncio.sleep(SETTLING_SECONDS)
        await restart(server)
        await require_stored(person, records, writer)


async def test_a_process_that_is_stopped_while_its_database_is_locked(
    database: str, tmp_path: Path, env: dict[str, str]
) -> None:
    async with prepare_server(database, tmp_path, env) as server:
        await server.start(DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT="2000")
        person = await server.sign_up()
        async with (
            run_clients(person) as (records, writer),
            lock_address(server.database_address, "chat", "chat_message"),
        ):
            await asyncio.sleep(0.5)
            _, seconds = await server.stop()
        assert seconds < 10
        await server.start()
        for record in records:
            await wait_for_end(person, record)
        assert writer.acknowledged and await writer.count_lost() == 0


async def test_a_full_disk(tmp_path: Path, env: dict[str, str]) -> None:
    async with prepare_server("sqlite", tmp_path, env) as server:
        await server.start()
        person = await server.sign_up()
        async with run_clients(person) as (records, writer):
            # No file may grow: not the database, and not its write-ahead log.
            server.limit_files(16 * 1024)
            await asyncio.gather(require_shown(records), asyncio.sleep(OUTAGE_SECONDS))
            server.limit_files(None)
            await asyncio.sleep(SETTLING_SECONDS)
        await restart(server)
        await require_stored(person, records, writer)
        assert "saving the answer of message" in server.log


@asynccontextmanager
async def serve_on(instance: PostgresInstance, tmp_path: Path, env: dict[str, str]) -> AsyncIterator[ServerProcess]:
    """Yield a running server on a PostgreSQL of its own."""
    (tmp_path / "data").mkdir()
    server = ServerProcess(tmp_path / "data", {**env, "DATABASE_URL": instance.url})
    try:
        await server.start()
        yield server
    finally:
        await server.close()


@needs_postgres
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_postgres_that_restarts(tmp_path: Path, env: dict[str, str], mode: str) -> None:
    async with run_postgres() as instance, serve_on(instance, tmp_path, env) as server:
        person = await server.sign_up()
        async with run_clients(person) as (records, writer):
            await instance.stop(mode)
            await asyncio.gather(require_shown(records), asyncio.sleep(OUTAGE_SECONDS))
            await instance.start()
            await asyncio.sleep(SETTLING_SECONDS)
        await restart(server)
        await require_stored(person, records, writer)


@needs_postgres
async def test_a_postgres_that_is_frozen(tmp_path: Path, env: dict[str, str]) -> None:
    async with run_postgres() as instance, serve_on(instance, tmp_path, env) as server:
        person = await server.sign_up()
        async with run_clients(person) as (records, writer):
            instance.send_signal(signal.SIGSTOP)
            await asyncio.gather(require_shown(records), asyncio.sleep(OUTAGE_SECONDS))
            instance.send_signal(signal.SIGCONT)
            await asyncio.sleep(SETTLING_SECONDS)
        await restart(server)
        await require_stored(person, records, writer)
