"""How many answers are written at once, for a user and in all, and how many pages of a user are open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from conftest import Person, Reply, Server
from page_client import open_page
from scripted_model import MODEL_ID, ScriptedModel, run_scripted_model
from waiting import wait_until

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

TOO_MANY = "Too many answers at once: 2 may be written for you at the same time."
BUSY = "The server is busy. Please try again in a moment."


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with run_scripted_model() as model:
        yield model


@pytest.fixture
def environment(model: ScriptedModel) -> dict[str, str]:
    return {
        **model.env,
        "BYPASS_MODEL_ACCESS_CONTROL": "true",
        "FASTBACK_MAX_TURNS": "3",
        "FASTBACK_MAX_TURNS_PER_USER": "2",
        "FASTBACK_MAX_SOCKETS_PER_USER": "2",
    }


def ask(person: Person, *, stream: bool = True) -> asyncio.Task[Reply]:
    body = {"model": MODEL_ID, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
    return asyncio.create_task(person.post("/api/chat/completions", body))


async def test_answers_of_a_user_are_bounded(server: Server, ada: Person, bob: Person, model: ScriptedModel) -> None:
    running = [ask(ada), ask(ada)]
    await model.wait_until_asked(2)
    for number in (0, 1):
        model.say("Hello", number)
    refused = await ask(ada)
    refused.refused(429, TOO_MANY)
    assert int(refused.headers["retry-after"]) > 0
    running.append(ask(bob))
    await model.wait_until_asked(3)
    refused = await ask(bob)
    refused.refused(503, BUSY)
    assert int(refused.headers["retry-after"]) > 0
    for number in range(3):
        model.end(number)
    assert [(await reply).status for reply in running] == [200] * 3
    last = ask(ada)
    await model.wait_until_asked(4)
    model.end()
    assert (await last).status == 200


async def test_the_page_is_refused_before_anything_is_written(
    server: Server, ada: Person, model: ScriptedModel
) -> None:
    async with open_page(ada) as page:
        started = []
        for number in (1, 2):
            started.append((await ada.post("/api/chat/completions", page.build_body("Hi", models=[MODEL_ID]))).ok())
            await model.wait_until_asked(number)
        refused = await ada.post("/api/chat/completions", page.build_body("Hi", models=[MODEL_ID]))
        refused.refused(429, TOO_MANY)
        both = page.build_body("Hi", models=[MODEL_ID, MODEL_ID])
        model.end(0)
        await wait_until(lambda: _is_idle(ada, started[0]["chat_id"]))
        (await ada.post("/api/chat/completions", both)).refused(429, TOO_MANY)
        assert {chat["id"] for chat in (await ada.get("/api/v1/chats/")).ok()} == {
            entry["chat_id"] for entry in started
        }
        model.end(1)


async def _is_idle(person: Person, chat_id: str) -> bool:
    return not (await person.get(f"/api/tasks/chat/{chat_id}")).ok()["task_ids"]


async def test_a_client_that_leaves_makes_room(server: Server, ada: Person, model: ScriptedModel) -> None:
    for number in range(4):
        client = Person(server.url, ada.token)
        asking = ask(client)
        await model.wait_until_asked(number + 1)
        model.say("Hello", number)
        await client.close()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0.1)
    last = ask(ada)
    await model.wait_until_asked(5)
    model.end()
    assert (await last).status == 200


async def test_the_oldest_page_of_a_user_makes_room(server: Server, ada: Person, bob: Person) -> None:
    async with open_page(ada) as first, open_page(ada) as second, open_page(bob) as other, open_page(ada) as third:
        await wait_until(lambda: not first.socket.connected)
        assert second.socket.connected and third.socket.connected and other.socket.connected


async def test_chat_sockets_of_a_user_are_bounded(server: Server, ada: Person) -> None:
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {ada.token}"}) as http:
        url = f"{server.url}/api/ws/chat"
        async with http.ws_connect(url), http.ws_connect(url), http.ws_connect(url) as refused:
            message: Any = await refused.receive(timeout=5)
            assert (message.type, refused.close_code) == (aiohttp.WSMsgType.CLOSE, 1013)


class TestJobs:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"FASTBACK_MAX_WAITING_JOBS": "1"}

    async def test_jobs_that_wait_are_bounded(self, server: Server, ada: Person) -> None:
        code = "x = [\n" + "1,\n" * 1_000 + "]"
        requests = [ada.post("/api/v1/utils/code/format", {"code": code}) for _ in range(12)]
        replies = await asyncio.gather(*requests)
        assert {reply.status for reply in replies} == {200, 503}
        refused = next(reply for reply in replies if reply.status == 503)
        refused.refused(503, BUSY)
        assert int(refused.headers["retry-after"]) > 0
        (await ada.post("/api/v1/utils/code/format", {"code": "x=1"})).ok()
