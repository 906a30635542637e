"""A node that is cut off from PostgreSQL and Redis, but not from its pages and models: the others end what it writes,
and it overwrites nothing of that when it is back.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from conftest import Person
from fastback.demo.process import find_free_port, run_demo_server
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from faults.network_namespace import Namespace, open_namespace
from faults.node_processes import Installation
from faults.postgres_instance import find_programs, run_postgres
from faults.recorded_clients import AnswerRecord, open_recorder, read_answer, wait_for_end
from faults.server_process import ROOT, ServerProcess
from redis_server import MISSING, run_redis
from waiting import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.skipif(find_programs() is None, reason="PostgreSQL's programs are not installed"),
    pytest.mark.timeout(240),
]

#: Tokens of models a second.
RATE = 20
#: Seconds in which the other node finds a cut-off one dead, and in which that is back once it is connected again.
DEATH_SECONDS, RETURN_SECONDS = 15, 20


class CutOffNodes:
    """Two nodes, of which the second one can be cut off."""

    def __init__(self, nodes: Installation, namespace: Namespace) -> None:
        self.nodes = nodes
        self.namespace = namespace


@contextmanager
def run_models(namespace: Namespace) -> Iterator[str]:
    """Run a model server outside and one inside of the namespace, at the same address, and yield that."""
    port = find_free_port()
    command = [*namespace.wrapper, sys.executable, "-m", "fastback.demo", "--port", str(port), "--rate", str(RATE)]
    with run_demo_server(rate=RATE, port=port) as url:
        process = subprocess.Popen(command, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")})
        try:
            yield url
        finally:
            process.kill()
            process.wait()


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[CutOffNodes]:
    async with AsyncExitStack() as stack:
        namespace = stack.enter_context(open_namespace())
        host = namespace.servers.outside
        postgres = await stack.enter_async_context(run_postgres(host))
        redis = stack.enter_context(run_redis(tmp_path, "--protected-mode", "no", host=host))
        shared = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "OPENAI_API_KEYS": "k"}
        shared["OPENAI_API_BASE_URLS"] = stack.enter_context(run_models(namespace)) + "/v1"
        servers = []
        for number, inside in enumerate((None, namespace.clients.inside)):
            data_dir = tmp_path / f"node{number}" / "data"
            data_dir.mkdir(parents=True)
            if inside is None:
                servers.append(ServerProcess(data_dir, shared))
            else:
                servers.append(ServerProcess(data_dir, shared, host=inside, wrapper=namespace.wrapper))
        nodes = Installation(servers)
        stack.push_async_callback(nodes.close)
        for server in servers:
            await server.start()
        await nodes.wait_until_joined()
        yield CutOffNodes(nodes, namespace)


async def is_ready(person: Person) -> bool:
    return (await person.get("/ready")).status == 200


async def require_interrupted(person: Person, record: AnswerRecord) -> str:
    """Require that an answer is interrupted, in the chat and in its row, and return its text."""
    message = await read_answer(person, record)
    assert message["done"] is True and message["error"] == INTERRUPTED
    return str(message["content"])


@pytest.mark.parametrize("tokens", [200, 2000], ids=["it ends meanwhile", "it is still written"])
async def test_a_node_that_is_cut_off_in_the_middle_of_an_answer(around: CutOffNodes, tokens: int) -> None:
    here, there = await around.nodes.sign_up()
    async with open_recorder(here) as page, open_recorder(there) as cut_page:
        record = await page.ask(f"Count [[tokens {tokens}]]", through=there)
        other = await page.ask("Count [[tokens 300]]")
        cut_record = await cut_page.ask(f"Count [[tokens {tokens}]]")
        await wait_until(lambda: len(record.pieces) > 20 and len(cut_record.pieces) > 20, 20)
        around.namespace.servers.cut()
        await wait_until(lambda: _is_unready(there), 12)
        # The other node goes on, finds it dead, and ends its answers.
        assert await is_ready(here)
        await wait_until(lambda: record.has_ended, DEATH_SECONDS)
        assert record.error == INTERRUPTED
        texts = [await wait_for_text(here, entry) for entry in (record, cut_record)]
        seen = record.text
        await wait_until(lambda: other.has_ended, 20)
        assert other.error is None
        await asyncio.sleep(8)

        around.namespace.servers.join()
        await wait_until(lambda: is_ready(there), RETURN_SECONDS)
        # Its own page hears what has become of the answer, and no page sees more of it.
        await wait_until(lambda: cut_record.error == INTERRUPTED, RETURN_SECONDS)
        await asyncio.sleep(8)
        for person in (here, there):
            assert [await require_interrupted(person, entry) for entry in (record, cut_record)] == texts
        assert record.text == seen and record.error == INTERRUPTED
        assert (await here.get("/api/tasks")).ok()["tasks"] == (await there.get("/api/tasks")).ok()["tasks"] == []

        # Both nodes are one installation again.
        again = await page.ask("Count [[tokens 20]]", through=there)
        await wait_until(lambda: again.has_ended, 15)
        assert again.error is None and (await read_answer(here, again))["content"] == again.text.strip()
        chats = (await here.get("/api/v1/chats/")).ok()
        assert len(chats) == 4 and not any(chat["active"] for chat in chats)


async def wait_for_text(person: Person, record: AnswerRecord) -> str:
    await wait_for_end(person, record)
    return await require_interrupted(person, record)


async def _is_unready(person: Person) -> bool:
    return not await is_ready(person)
