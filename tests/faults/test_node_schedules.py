"""Automations of two nodes that are due together while the node that starts them is killed: none runs twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from automation_client import AUTOMATIONS, create_automation
from conftest import REDIS, Person
from fastback.demo.process import run_demo_server
from faults.node_load import list_chats, list_messages
from faults.node_processes import run_nodes
from prepared_database import POSTGRES
from waiting import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named"),
    pytest.mark.timeout(300),
]

#: Automations; one process runs twenty at a time.
COUNT = 26
#: Seconds after which another node starts what is left: the lease of the killed one has expired.
TAKEOVER_SECONDS = 90


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """Run a model server that sends two tokens a second."""
    with run_demo_server(rate=2) as url:
        yield url


@pytest.mark.parametrize("killed", [0, 1])
async def test_automations_run_once_though_a_node_is_killed(tmp_path: Path, model_url: str, killed: int) -> None:
    """One of the two is the node that starts them."""
    env = {"OPENAI_API_BASE_URLS": f"{model_url}/v1", "OPENAI_API_KEYS": "k"}
    async with run_nodes(tmp_path, env) as nodes:
        people = await nodes.sign_up()
        created = [
            await create_automation(people[0], name=f"run-{number}", prompt=f"run-{number} [[tokens 12]]")
            for number in range(COUNT)
        ]
        database = await asyncpg.connect(str(nodes.servers[0].database_address))
        await database.execute("UPDATE automation SET next_run_at = $1", time.time_ns())
        await create_automation(people[0], name="later")  # the scheduler hears of it, and looks

        await wait_until(lambda: _list_tasks(people[0]), 75)
        await asyncio.sleep(1)
        claims = "SELECT count(*) FROM automation WHERE last_run_at IS NOT NULL"
        assert 0 < await database.fetchval(claims) < COUNT
        await nodes.servers[killed].kill()
        there = people[1 - killed]

        async def have_all_run() -> bool:
            return bool(await database.fetchval(claims) >= COUNT)

        await wait_until(have_all_run, TAKEOVER_SECONDS)
        await database.close()

        async def have_all_ended() -> bool:
            messages = list_messages(await list_chats(there))
            return all(message.get("done") for message in messages if message["role"] == "assistant")

        await wait_until(have_all_ended, 40)
        questions = [
            message["content"] for message in list_messages(await list_chats(there)) if message["role"] == "user"
        ]
        assert len(questions) == len(set(questions)) == COUNT
        for automation in created:
            stored = (await there.get(f"{AUTOMATIONS}/{automation['id']}")).ok()
            assert stored["next_run_at"] > time.time_ns()


async def _list_tasks(person: Person) -> list[str]:
    return list((await person.get("/api/tasks")).ok()["tasks"])
