"""Another process has taken this one for dead, and has ended its answers: nothing of them is overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from channel_client import CHANNELS, create_channel, enable_channels, open_channel_page, post_message
from conftest import Person, Server
from fastback.completions.channels import turns
from fastback.completions.channels.answer_recovery import LeftOverChannelAnswers
from fastback.demo.process import run_demo_server
from fastback.features.channels.messages.model_answers import ModelAnswers
from fastback.features.chats.messages.answer_store import AnswerId, build_row_id
from fastback.features.chats.messages.left_over_answers import INTERRUPTED, finish_answer
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.kit.db import Database
from fastback.kit.http import BadRequest
from fastback.kit.tasks import Tasks
from page_client import Page, open_page
from waiting import wait_until

MODEL = "<@M:demo-small|Small>"


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """Run a model server that sends twenty tokens a second."""
    with run_demo_server(rate=20) as url:
        yield url


async def read_answer(person: Person, chat_id: str, message_id: str) -> Any:
    return (await person.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"][message_id]


async def end_elsewhere(server: Server, chat_id: str, message_id: str) -> Any:
    """End an answer as another process does, and return its message."""
    answer_id = AnswerId(build_row_id(chat_id, message_id), chat_id)
    message = await finish_answer(server.services.get(Database), answer_id, {"error": INTERRUPTED})
    assert message is not None
    return message


async def ask(page: Page, text: str) -> tuple[str, str]:
    body = page.build_body(text)
    chat_id = (await page.person.post("/api/chat/completions", body)).ok()["chat_id"]
    await page.wait_for("response:completion", lambda data: data.get("delta"))
    return chat_id, body["id"]


@pytest.mark.parametrize("tokens", [10, 2000], ids=["at its end", "while it grows"])
async def test_an_answer_of_a_chat(server: Server, ada: Person, tokens: int) -> None:
    async with open_page(ada) as page:
        chat_id, message_id = await ask(page, f"Count [[tokens {tokens}]]")
        ended = await end_elsewhere(server, chat_id, message_id)
        error = await page.wait_for("chat:message:error")
        assert error == {"error": INTERRUPTED, "done": True}
        await page.wait_until_idle()
        await asyncio.sleep(1)
        assert await read_answer(ada, chat_id, message_id) == ended
    assert (await ada.get("/api/tasks")).ok()["tasks"] == []
    assert not server.services.get(RunningAnswers).has_chat(chat_id)


async def test_all_answers_of_a_process_that_was_taken_for_dead(server: Server, ada: Person) -> None:
    running = server.services.get(RunningAnswers)
    async with open_page(ada) as page:
        chat_id, message_id = await ask(page, "Count [[tokens 2000]]")
        before = await read_answer(ada, chat_id, message_id)
        running._lose_all()
        await page.wait_for("chat:message:error", lambda data: data == {"error": INTERRUPTED, "done": True})
        await page.wait_until_idle()
        assert not running.has_chat(chat_id)
        # The process that has ended the answer has stored its end; this one stores nothing.
        after = await read_answer(ada, chat_id, message_id)
        assert after["done"] is False and len(after["content"]) <= len(before["content"])


async def read_message(person: Person, channel: Any, message_id: str) -> Any:
    return (await person.get(f"{CHANNELS}/{channel['id']}/messages/{message_id}")).ok()


async def start_channel_answer(ada: Person, page: Any, channel: Any) -> str:
    await post_message(ada, channel, f"{MODEL} Count [[tokens 2000]]")
    update = await page.wait_for("message:update", lambda event: "word2" in event["data"]["data"]["content"])
    return str(update["message_id"])


async def test_an_answer_of_a_channel(server: Server, ada: Person, open_models: None) -> None:
    await enable_channels(ada)
    channel = await create_channel(ada)
    answers = server.services.get(ModelAnswers)
    async with open_channel_page(ada) as page:
        message_id = await start_channel_answer(ada, page, channel)
        assert answers.own_ids == {message_id}
        await answers.write(channel["id"], message_id, "Ended elsewhere.", None, is_done=True)
        tasks = server.services.get(Tasks)
        await wait_until(lambda: not tasks.list_group_ids(f"channel:{channel['id']}"))
        await asyncio.sleep(0.5)
        message = await read_message(ada, channel, message_id)
        assert (message["content"], message["meta"]["done"]) == ("Ended elsewhere.", True)
        assert answers.own_ids == set()


async def test_an_answer_of_a_channel_that_this_process_writes_is_not_recovered(
    server: Server, ada: Person, open_models: None
) -> None:
    await enable_channels(ada)
    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        message_id = await start_channel_answer(ada, page, channel)
        await server.services.get(LeftOverChannelAnswers).start_recovery()
        await page.wait_for("message:update", lambda event: "word9" in event["data"]["data"]["content"])
        assert "done" not in (await read_message(ada, channel, message_id))["meta"]


async def test_an_answer_of_a_channel_whose_turn_does_not_start_shows_why(
    server: Server, ada: Person, open_models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enable_channels(ada)

    async def fail(*arguments: Any, **more: Any) -> Any:
        raise BadRequest("There is no conversation.")

    monkeypatch.setattr(turns, "build_conversation", fail)
    channel = await create_channel(ada)
    async with open_channel_page(ada) as page:
        await post_message(ada, channel, f"{MODEL} Hello")
        update = await page.wait_for("message:update")
    message = await read_message(ada, channel, update["message_id"])
    assert (message["content"], message["meta"]["done"]) == ("Error: There is no conversation.", True)
    assert server.services.get(ModelAnswers).own_ids == set()
