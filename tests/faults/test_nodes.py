"""Two processes of one installation: what happens in one reaches the pages of the other, and one may die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import redis.asyncio

from conftest import PASSWORD, REDIS, Person
from direct_servers import allow_direct_servers, reply_to_calls
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from faults.node_processes import Installation, run_nodes
from faults.recorded_clients import MOST_LOST, AnswerRecorder, open_recorder, read_answer, wait_for_end
from note_editor import create_note, open_editor
from page_client import open_page
from prepared_database import POSTGRES
from queued_model import MODEL_ID, call_tools, run_queued_model
from waiting import wait_until

pytestmark = [
    pytest.mark.skipif(not (REDIS and POSTGRES), reason="no Redis or no PostgreSQL is named"),
    pytest.mark.timeout(180),
]

#: Seconds within which a page hears of the end of an answer whose process was killed.
DEATH_SECONDS = 15
#: A tool server of a user, which the page calls.
LIBRARY = {
    "url": "http://library.local",
    "specs": [{"name": "find_book", "description": "Find", "parameters": {"type": "object", "properties": {}}}],
    "info": {"title": "Library"},
}


@pytest.fixture
async def nodes(tmp_path: Path, env: dict[str, str]) -> AsyncIterator[Installation]:
    async with run_nodes(tmp_path, env) as installation:
        yield installation


async def list_tasks(person: Person, chat_id: str) -> list[str]:
    return list((await person.get(f"/api/tasks/chat/{chat_id}")).ok()["task_ids"])


async def test_an_answer_is_followed_and_stopped_from_the_other_process(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    async with open_recorder(there) as page:
        record = await page.ask("Count [[tokens 2000]]", through=here)
        await wait_until(lambda: len(record.pieces) > 10)
        tasks = await list_tasks(there, record.chat_id)
        assert tasks == await list_tasks(here, record.chat_id) and len(tasks) == 1
        assert tasks[0] in (await there.get("/api/tasks")).ok()["tasks"]
        assert [chat["active"] for chat in (await there.get("/api/v1/chats/")).ok()] == [True]
        seen = record.text
        message = await read_answer(there, record)
        assert message["done"] is False and message["content"].startswith(seen.strip())

        stopped = (await there.post(f"/api/tasks/chat/{record.chat_id}/stop")).ok()
        assert stopped["message"] == f"Task {tasks[0]} successfully stopped."
        message = await read_answer(there, record)
        assert message["done"] is True and message["content"].startswith(seen.strip())
        assert await wait_until(lambda: _has_no_tasks(here, there, record.chat_id))
        assert [chat["active"] for chat in (await there.get("/api/v1/chats/")).ok()] == [False]


async def _has_no_tasks(here: Person, there: Person, chat_id: str) -> bool:
    return not await list_tasks(here, chat_id) and not await list_tasks(there, chat_id)


async def test_a_page_returns_to_the_other_process_in_the_middle_of_an_answer(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    async with open_recorder(here) as page:
        record = await page.ask("Count [[tokens 80]]")
        await wait_until(lambda: len(record.pieces) > 10)
    async with open_recorder(there) as page:
        first = (await read_answer(there, record))["content"]
        record.pieces.clear()
        page.follow(record)
        await wait_until(lambda: record.has_ended, 20)
    expected = " ".join(f"word{number}" for number in range(80))
    assert first and expected.startswith(first) and expected.endswith(record.text.strip())
    message = await read_answer(there, record)
    assert (message["content"], message["done"]) == (expected, True)


async def test_a_killed_process_loses_less_than_a_second_and_pages_hear_of_the_end(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    async with open_recorder(there) as page:
        living = await page.ask("Count [[tokens 500]]")
        record = await page.ask("Count [[tokens 2000]]", through=here)
        await wait_until(lambda: len(record.pieces) > 40, 20)
        killed_at = await nodes.servers[0].kill()
        await wait_until(lambda: record.has_ended, DEATH_SECONDS)
        print(f"heard of the end after {time.monotonic() - killed_at:.1f} s")
        assert record.error == INTERRUPTED
        message = await wait_for_end(there, record)
        assert message["error"] == INTERRUPTED
        assert message["content"].startswith(record.get_text_before(killed_at - MOST_LOST).strip())
        assert await list_tasks(there, record.chat_id) == []

        # A process that starts ends nothing that the living one writes.
        await nodes.servers[0].start()
        await asyncio.sleep(2.5)
        await wait_until(lambda: living.has_ended, 30)
        assert living.error is None
        assert (await read_answer(there, living)).get("error") is None


@pytest.mark.faults
async def test_a_process_that_stops_lets_its_answers_finish_on_pages_of_the_other(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    async with open_recorder(there) as page:
        records = [await page.ask(f"Count {number} [[tokens 40]]", through=here) for number in range(4)]
        unfinished = await page.ask("Count [[tokens 2000]]", through=here)
        await wait_until(lambda: all(record.pieces for record in [*records, unfinished]))
        stopping = asyncio.create_task(nodes.servers[0].stop())
        await asyncio.sleep(0.2)
        assert (await here.get("/ready")).status == 503 and (await there.get("/ready")).status == 200
        code, _ = await stopping
        assert code == 0
        await wait_until(lambda: unfinished.has_ended)
        assert unfinished.error == INTERRUPTED
        for record in records:
            assert record.has_ended and record.error is None
            assert (await read_answer(there, record))["content"] == record.text.strip()


@pytest.mark.faults
async def test_a_restarted_process_loses_no_question_behind_a_proxy(nodes: Installation) -> None:
    """A proxy sends a request elsewhere only where its connection is refused; what it has sent, it does not repeat."""
    here, there = await nodes.sign_up()
    server = nodes.servers[0]
    async with aiohttp.ClientSession() as idle, open_recorder(there) as page:
        headers = {"authorization": f"Bearer {here.token}"}
        async with idle.get(f"{server.url}/api/v1/auths/", headers=headers) as response:
            assert response.status == 200 and "connection" not in response.headers
        first = await page.ask("Count [[tokens 40]]", through=here)
        stopping = asyncio.create_task(server.stop())
        await wait_until(lambda: _refuses_connections(server.url), 1)
        # The connection that was open takes one more question, and says that it is the last one.
        second = await page.ask("Count [[tokens 20]]", through=here)
        async with idle.get(f"{server.url}/ready", headers=headers) as response:
            assert response.status == 503 and response.headers["connection"] == "close"
        with pytest.raises(aiohttp.ClientConnectorError):
            await here.get("/api/v1/auths/")
        code, _ = await stopping
        assert code == 0
        for record in (first, second):
            await wait_until(lambda record=record: record.has_ended)
            assert record.error is None
            assert (await read_answer(there, record))["content"] == record.text.strip()
        await server.start()
        assert (await here.get("/ready")).status == 200


async def _refuses_connections(url: str) -> bool:
    address = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_page_of_the_other_process_runs_a_tool(tmp_path: Path) -> None:
    async with run_queued_model() as model, run_nodes(tmp_path, model.env) as nodes:
        here, there = await nodes.sign_up()
        await allow_direct_servers(here)
        model.queue(call_tools(("find_book", {})), "Found.")
        async with open_page(there) as page:
            calls = reply_to_calls(page, lambda data: [{"shelf": 7}, {}])
            body = page.build_body("Hello", models=[MODEL_ID], tool_servers=[LIBRARY])
            (await here.post("/api/chat/completions", body)).ok()
            await page.wait_until_idle()
            done: Any = await page.wait_for("chat:completion", lambda data: data.get("done"))
        assert len(calls) == 1
        outputs = [item for item in done["output"] if item["type"] == "function_call_output"]
        assert json.loads(outputs[0]["output"][0]["text"]) == {"shelf": 7}


async def test_notes_are_edited_over_both_processes(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    note = await create_note(here)
    async with open_editor(here, note) as first, open_editor(there, note) as second:
        await first.join()
        await first.write("One. ")
        await second.join()
        assert second.text == "One. "
        await second.write("Two.")
        await first.receive_update()
        assert first.text == "One. Two."
        await first.write(" Three.")
        await second.receive_update()
        assert second.text == "One. Two. Three."
    saved = await wait_until(lambda: _read_note(there, note, "One. Two. Three."))
    assert saved


async def test_an_older_text_of_a_note_does_not_replace_a_newer_one(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    note = await create_note(here)
    async with open_editor(here, note) as first, open_editor(there, note) as second:
        await first.join()
        await second.join()
        await first.write("Old")
        await second.receive_update()
        # Before its text is saved, the first process stands still, for example as its machine is busy.
        os.kill(nodes.servers[0].process.pid, signal.SIGSTOP)
        try:
            await second.write(" and new")
            await wait_until(lambda: _read_note(there, note, "Old and new"))
        finally:
            os.kill(nodes.servers[0].process.pid, signal.SIGCONT)
        await first.receive_update()
        await asyncio.sleep(1.5)
        assert await _read_note(there, note, "Old and new")
        # The older text counts where the process with the newer one is gone before that is saved.
        await first.write(", older")
        await second.receive_update()
        await second.write(", newest")
        await nodes.servers[1].kill()
        await wait_until(lambda: _read_note(here, note, "Old and new, older"), 10)


async def _read_note(person: Person, note: str, text: str) -> bool:
    return bool((await person.get(f"/api/v1/notes/{note}")).ok()["data"]["content"]["md"] == text)


async def test_events_go_only_to_processes_with_a_page_of_the_user(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    pattern = f"{nodes.servers[0].get_variable('REDIS_KEY_PREFIX')}*sockets:*"
    async with redis.asyncio.from_url(REDIS) as client, client.pubsub() as listener:
        await listener.psubscribe(pattern)
        await listener.get_message(timeout=5)

        async def count_messages() -> int:
            count = 0
            while await listener.get_message(ignore_subscribe_messages=True, timeout=0.5):
                count += 1
            return count

        async with open_recorder(here) as page:
            await wait_for_answer(page)
            assert await count_messages() == 0
            async with open_recorder(there) as other:
                await wait_for_answer(other)
                await count_messages()
                record = await page.ask("Count [[tokens 40]]")
                other.follow(record)
                await wait_until(lambda: record.end_count == 2, 15)
                assert await count_messages() > 1
            # A page that asks through the other process gets what that sends.
            record = await page.ask("Count [[tokens 40]]", through=there)
            await wait_until(lambda: record.has_ended, 15)
            assert record.text.strip() == record.final_text and await count_messages() > 1


async def wait_for_answer(page: AnswerRecorder) -> None:
    """Ask with a page, and wait until it has the answer."""
    record = await page.ask("Count [[tokens 40]]")
    await wait_until(lambda: record.has_ended, 15)
    assert record.error is None and record.text.strip() == record.final_text


async def test_a_large_event_reaches_the_other_process(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    note = await create_note(here)
    notes: list[Any] = []
    async with open_page(there) as page:
        page.socket.on("events:note", notes.append)
        await page.socket.emit("join-note", {"note_id": note, "auth": {"token": there.token}})

        async def change_note() -> bool:
            text = f"Größer {len(notes)} " * 30_000
            (await here.post(f"/api/v1/notes/{note}/update", {"data": {"content": {"md": text}}})).ok()
            await asyncio.sleep(0.2)
            return bool(notes)

        await wait_until(change_note, 10)
    assert notes[0]["data"]["content"]["md"] == "Größer 0 " * 30_000


async def test_an_empty_note_is_filled_once(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    note = await create_note(here)
    async with open_editor(here, note) as first, open_editor(there, note) as second:
        await asyncio.gather(first.join(), second.join())
        replies = await asyncio.gather(first.write("Hi.", initialize=True), second.write("Hi.", initialize=True))
        assert bytes(replies[0]) == bytes(replies[1])


async def test_presence_and_ends_of_sessions_span_the_processes(nodes: Installation) -> None:
    here, there = await nodes.sign_up()
    form = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD, "role": "user"}
    account = (await here.post("/api/v1/auths/add", form)).ok()
    bob = nodes.connect(nodes.servers[1], Person("", account["token"], account))
    chat = (await here.post("/api/v1/chats/new", {"chat": {"title": "Ours"}})).ok()["id"]
    async with open_page(here) as first, open_page(there) as second, open_page(bob) as other:
        for page in (first, second):
            assert await page.socket.call("events:chat", {"chat_id": chat, "data": {"type": "join"}})
        for page in (first, second):
            await page.wait_for("chat:presence", lambda data: [user["name"] for user in data["users"]] == ["Ada"])
        await wait_until(lambda: len(first.list_data("chat:presence")) == 2)  # the second for the other process's page
        await second.socket.emit("usage", {"model": "demo-small"})
        usage = await wait_until(lambda: _list_used_models(here))
        assert usage == ["demo-small"]

        (await here.post(f"/api/v1/users/{bob.id}/update", {**form, "role": "pending", "password": None})).ok()
        await wait_until(lambda: not other.socket.connected, 10)
        (await here.post("/api/v1/auths/signout")).ok()
        await wait_until(lambda: not second.socket.connected, 10)


async def _list_used_models(person: Person) -> list[str]:
    return list((await person.get("/api/usage")).ok()["model_ids"])
