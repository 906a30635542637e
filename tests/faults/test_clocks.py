"""Two nodes, the clock of one an hour ahead or behind: they serve the same sessions, end no answer of each other, order
messages alike, and start what is due when it is, once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from automation_client import AUTOMATIONS, create_automation, list_runs
from channel_client import CHANNELS, create_channel, enable_channels, post_message
from conftest import PASSWORD, REDIS, Person
from faults.node_processes import Installation, run_nodes
from faults.recorded_clients import open_recorder, read_answer
from prepared_database import POSTGRES
from waiting import wait_until

#: What moves the clock of a process, of Debian's package libfaketime.
_LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
HOUR = 3600

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named"),
    pytest.mark.skipif(_LIBRARY is None, reason="libfaketime is not installed"),
    pytest.mark.timeout(180),
    pytest.mark.parametrize("offset", [f"+{HOUR}s", f"-{HOUR}s"], ids=["ahead", "behind"]),
]


@pytest.fixture
async def nodes(tmp_path: Path, model_url: str, offset: str) -> AsyncIterator[Installation]:
    """Run two nodes; the clock of the second one is off."""
    env = {"OPENAI_API_BASE_URLS": f"{model_url}/v1", "OPENAI_API_KEYS": "k", "TIMER_POLL_INTERVAL": "1"}
    moved = {"LD_PRELOAD": str(_LIBRARY), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    async with run_nodes(tmp_path, env, last_env=moved) as installation:
        right, wrong = installation.servers
        assert "the clock of this machine is 3600 s" in wrong.log
        assert "the clock of this machine" not in right.log
        yield installation


async def sign_in(server_url: str, email: str) -> str:
    stranger = Person(server_url)
    account = (await stranger.post("/api/v1/auths/signin", {"email": email, "password": PASSWORD})).ok()
    await stranger.close()
    return str(account["token"])


async def test_sessions(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    email = here.account["email"]
    for issuer in nodes.servers:
        token = await sign_in(issuer.url, email)
        for server in nodes.servers:
            client = nodes.connect(server, Person("", token, here.account))
            assert (await client.get("/api/v1/auths/")).status == 200
        # It ends for both where it is ended.
        ended = nodes.connect(issuer, Person("", token, here.account))
        (await ended.post("/api/v1/auths/signout")).ok()
        for server in nodes.servers:
            client = nodes.connect(server, Person("", token, here.account))
            await wait_until(lambda client=client: _is_refused(client))
    # A new password ends the sessions of both, and not those that begin afterwards.
    form = {"password": PASSWORD, "new_password": f"{PASSWORD} again"}
    (await there.post("/api/v1/auths/update/password", form)).ok()
    for person in (here, there):
        await wait_until(lambda person=person: _is_refused(person))
    for issuer in nodes.servers:
        stranger = nodes.connect(issuer, Person(""))
        form = {"email": email, "password": f"{PASSWORD} again"}
        account = (await stranger.post("/api/v1/auths/signin", form)).ok()
        for server in nodes.servers:
            client = nodes.connect(server, Person("", account["token"], account))
            assert (await client.get("/api/v1/auths/")).status == 200


async def _is_refused(person: Person) -> bool:
    return (await person.get("/api/v1/auths/")).status == 401


async def test_answers_in_progress_are_left_alone(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    for writer, other, number in ((here, there, 1), (there, here, 0)):
        async with open_recorder(writer) as page:
            record = await page.ask("Count [[tokens 160]]")
            await wait_until(lambda record=record: record.pieces)
            await nodes.servers[number].kill()
            await nodes.servers[number].start()
            await wait_until(lambda record=record: record.has_ended, 30)
            assert record.error is None
        message = await read_answer(other, record)
        assert (message["content"], message.get("error")) == (record.text.strip(), None)


async def test_the_order_of_messages_and_chats(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    await enable_channels(here)
    channel = await create_channel(here)
    await wait_until(lambda: _has_channel(there, channel["id"]))
    titles = []
    for number in range(6):
        person = (here, there)[number % 2]
        await post_message(person, channel, f"message {number}")
        titles.append(f"chat {number}")
        (await person.post("/api/v1/chats/new", {"chat": {"title": titles[-1]}})).ok()
        await asyncio.sleep(1.1)  # chats are ordered by seconds
    for person in (here, there):
        messages = (await person.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
        assert [message["content"] for message in reversed(messages)] == [f"message {n}" for n in range(6)]
        chats = (await person.get("/api/v1/chats/")).ok()
        assert [chat["title"] for chat in reversed(chats)] == titles
        assert all(abs(chat["updated_at"] - time.time()) < 60 for chat in chats)


async def _has_channel(person: Person, channel_id: str) -> bool:
    return (await person.get(f"{CHANNELS}/{channel_id}")).status == 200


async def test_automations_start_when_they_are_due(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    # It runs in half an hour at least: an hour's difference would start it now, or an hour late.
    minute = (time.gmtime().tm_min + 40) % 60
    waiting = [await create_automation(person, f"RRULE:FREQ=HOURLY;BYMINUTE={minute}") for person in (here, there)]
    due = [await create_automation(person, f"RRULE:FREQ=HOURLY;BYMINUTE={minute}") for person in (here, there)]
    now = time.time()
    for automation in (*waiting, *due):
        assert 0 < automation["next_run_at"] / 10**9 - now <= HOUR
    # First the right clock leads, then the wrong one.
    database = await asyncpg.connect(str(nodes.servers[0].database_address))
    try:
        for number, automation in enumerate(due):
            update = "UPDATE automation SET next_run_at = $1 WHERE id = $2"
            await database.execute(update, time.time_ns() + 3 * 10**9, automation["id"])
            # The scheduler hears of it as it does of a change over the API.
            await create_automation(there, f"RRULE:FREQ=HOURLY;BYMINUTE={minute}")
            runs = await wait_until(lambda automation=automation: list_runs(there, automation), 75)
            assert len(runs) == 1 and time.time() - now < 200
            if number == 0:
                await nodes.servers[0].stop()
    finally:
        await database.close()
    await asyncio.sleep(3)
    for automation, count in ((waiting[0], 0), (waiting[1], 0), (due[0], 1), (due[1], 1)):
        assert len(await list_runs(there, automation)) == count
        stored = (await there.get(f"{AUTOMATIONS}/{automation['id']}")).ok()
        assert 0 < stored["next_run_at"] / 10**9 - time.time() <= HOUR
