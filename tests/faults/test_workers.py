"""Several processes on one port: they share users, tasks and pages, and stop together."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from conftest import REDIS
from faults.recorded_clients import open_recorder, read_answer
from faults.server_process import ServerProcess, list_workers
from prepared_database import POSTGRES, postgres_database
from waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named"),
    pytest.mark.timeout(180),
]


async def test_two_workers_answer_survive_a_kill_and_stop(tmp_path: Path, model_url: str) -> None:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(postgres_database(empty=True))
        env = {
            "DATABASE_URL": address,
            "REDIS_URL": REDIS,
            "REDIS_KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}",
            "OPENAI_API_BASE_URLS": f"{model_url}/v1",
            "OPENAI_API_KEYS": "k",
            "UVICORN_WORKERS": "2",
        }
        (tmp_path / "data").mkdir()
        server = ServerProcess(tmp_path / "data", env)
        stack.push_async_callback(server.close)
        await server.start()
        await wait_until(lambda: server.log.count("ready on") == 2, 60)
        ada = await server.sign_up()
        pages = [await stack.enter_async_context(open_recorder(ada)) for _ in range(4)]
        records = [await page.ask(f"Count {number} [[tokens 20]]") for number, page in enumerate(pages)]
        await wait_until(lambda: all(record.has_ended for record in records), 60)
        for record in records:
            assert record.error is None
            assert (await read_answer(ada, record))["content"] == record.text.strip()

        workers = list_workers(server)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        await wait_until(lambda: len(set(list_workers(server)) - {workers[0]}) == 2, 60)
        await wait_until(lambda: server.log.count("ready on") == 3, 60)

        # Pages hear the end of their answers from whichever process.
        pages = [await stack.enter_async_context(open_recorder(ada)) for _ in range(6)]
        records = [await page.ask(f"Count {20 * number} [[tokens {20 * number}]]") for number, page in enumerate(pages)]
        await wait_until(lambda: all(record.pieces for record in records[1:]), 60)
        code, seconds = await asyncio.create_task(server.stop())
        assert code == 0 and seconds < 20
        await wait_until(lambda: all(record.has_ended for record in records))
        assert [record.error for record in records] == [None] * 6
        await wait_until(lambda: not any(_is_running(pid) for pid in workers))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.faults
async def test_workers_end_with_their_manager(tmp_path: Path) -> None:
    async with postgres_database() as address:
        env = {"DATABASE_URL": address, "REDIS_URL": REDIS, "UVICORN_WORKERS": "2"}
        (tmp_path / "data").mkdir()
        server = ServerProcess(tmp_path / "data", {**env, "REDIS_KEY_PREFIX": f"test-{uuid.uuid4().hex[:12]}"})
        await server.start()
        await wait_until(lambda: len(list_workers(server)) == 2, 60)
        workers = list_workers(server)
        await server.kill()
        await wait_until(lambda: not any(_is_running(pid) for pid in workers), 15)
