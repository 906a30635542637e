"""Saving a growing answer: in the background, again after a failure, and with no effect on what the page is shown."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.sinks.stored_answer import SAVE_INTERVAL
from fastback.kit.db import Database
from locked_database import lock_chats
from page_client import Page, open_page
from scripted_model import MODEL_ID, ScriptedModel, run_scripted_model
from waiting import wait_until


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with run_scripted_model() as scripted:
        yield scripted


@pytest.fixture
def environment(model: ScriptedModel) -> dict[str, str]:
    # A write fails soon, and one that is tried again finds out soon that the database is free.
    return {**model.env, "DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT": "200"}


async def ask(page: Page, model: ScriptedModel, **more: Any) -> dict[str, Any]:
    """Ask a question, and return its ids once the model has begun to answer."""
    body = page.build_body("Tell me", models=[MODEL_ID], **more)
    started = (await page.person.post("/api/chat/completions", body)).ok()
    await model.wait_until_asked()
    return {"chat": started["chat_id"], "answer": body["id"], "question": body["user_message"]["id"]}


def read_page_text(page: Page) -> str:
    """Return the text that a page has received for its answer."""
    deltas = [data for data in page.list_data("response:completion") if isinstance(data, dict)]
    return "".join(data["delta"] for data in deltas if data.get("type") == "response.output_text.delta")


async def wait_for_text(page: Page, text: str) -> None:
    await wait_until(lambda: read_page_text(page) == text)


async def read_stored_answer(server: Server, turn: dict[str, Any]) -> tuple[str, bool, dict[str, Any]]:
    """Return what the database has of an answer: the text and the end in its row, and its message in the document."""
    db = server.services.get(Database)
    row_id = f"{turn['chat']}-{turn['answer']}"
    content = await db.fetch_value("test.content", "SELECT content FROM chat_message WHERE id = :id", id=row_id)
    done = await db.fetch_value("test.done", "SELECT done FROM chat_message WHERE id = :id", id=row_id)
    document = await db.fetch_value("test.document", "SELECT chat FROM chat WHERE id = :id", id=turn["chat"])
    message = json.loads(document)["history"]["messages"][turn["answer"]]
    return json.loads(content) if content else "", bool(done), message


async def wait_until_stored(server: Server, turn: dict[str, Any], text: str, *, done: bool, seconds: float = 5) -> Any:
    """Wait until the database has this text of an answer, and its end; return the message in the document."""

    async def find_message() -> Any:
        *state, message = await read_stored_answer(server, turn)
        return message if state == [text, done] else None

    return await wait_until(find_message, seconds)


def get_message(chat: Any, turn: dict[str, Any]) -> dict[str, Any]:
    return dict(chat["chat"]["history"]["messages"][turn["answer"]])


async def test_a_page_that_is_opened_in_the_middle_shows_all_of_the_answer(
    server: Server, ada: Person, model: ScriptedModel
) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        model.say("Once upon a time")
        await wait_for_text(page, "Once upon a time")
        message = get_message(await page.get_chat(turn["chat"]), turn)
        assert (message["content"], message["done"]) == ("Once upon a time", False)
        assert message["output"][0]["content"][0]["text"] == "Once upon a time"
        assert (await read_stored_answer(server, turn))[0] == ""  # only the memory of the server has it yet
        await wait_until_stored(server, turn, "Once upon a time", done=False, seconds=SAVE_INTERVAL + 0.25)
        model.end()
        await page.wait_until_idle()
        message = get_message(await page.get_chat(turn["chat"]), turn)
        assert (message["content"], message["done"]) == ("Once upon a time", True)


async def test_an_older_client_sees_all_of_the_answer_in_its_list(
    server: Server, ada: Person, model: ScriptedModel
) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        listed = [{"id": turn["answer"], "role": "assistant", "content": ""}, {"id": ["odd"]}, "odd"]
        (await ada.post(f"/api/v1/chats/{turn['chat']}", {"chat": {"messages": listed}})).ok()
        model.say("Once upon a time")
        await wait_for_text(page, "Once upon a time")
        message, *others = (await page.get_chat(turn["chat"]))["chat"]["messages"]
        assert (message["content"], message["done"]) == ("Once upon a time", False)
        assert [others[0]["id"], others[1]] == [["odd"], "odd"]
        model.end()
        await page.wait_until_idle()


async def test_a_locked_database_takes_neither_text_nor_the_end_from_the_page(
    server: Server, ada: Person, model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        model.say("Before")
        await wait_until_stored(server, turn, "Before", done=False)
        async with lock_chats(server):
            model.say(" and during")
            await wait_for_text(page, "Before and during")
            await asyncio.sleep(SAVE_INTERVAL * 2)  # at least one write meets the lock
            model.say(" the lock")
            model.end()
            done = await page.wait_for("chat:completion", lambda data: data.get("done"), timeout=3)
            assert done["output"][0]["content"][0]["text"] == "Before and during the lock"
            await page.wait_until_idle(timeout=3)
            message = get_message(await page.get_chat(turn["chat"]), turn)
            assert (message["content"], message["done"]) == ("Before and during the lock", True)
            assert (await read_stored_answer(server, turn))[0] == "Before"
        message = await wait_until_stored(server, turn, "Before and during the lock", done=True)
        assert (message["content"], message["done"]) == ("Before and during the lock", True)
    if server.database == "sqlite":
        retries = [text for text in caplog.messages if text.startswith("saving the answer of message")]
        assert retries and f"{turn['answer']} failed, retrying in 0.25 s: " in retries[0]


async def test_the_next_question_sees_an_answer_that_is_not_stored_yet(
    server: Server, ada: Person, model: ScriptedModel
) -> None:
    """The question itself waits for the database, the end of the answer before it is perhaps tried again later."""
    async with open_page(ada) as page:
        turn = await ask(page, model)
        async with lock_chats(server):
            model.say("Blue")
            model.end()
            await page.wait_for("chat:completion", lambda data: data.get("done"), timeout=3)
        body = page.build_body("Why?", models=[MODEL_ID], chat_id=turn["chat"], parent_id=turn["answer"])
        (await ada.post("/api/chat/completions", body)).ok()
        await model.wait_until_asked(2)
        assert [message["content"] for message in model.requests[1]["messages"]] == ["Tell me", "Blue", "Why?"]
        model.end()


async def test_a_failure_is_shown_while_the_database_is_locked(
    server: Server, ada: Person, model: ScriptedModel
) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        model.say("So far")
        await wait_for_text(page, "So far")
        async with lock_chats(server):
            model.fail("out of words")
            assert (await page.wait_for("chat:message:error", timeout=3))["error"]["content"] == "out of words"
            await page.wait_until_idle(timeout=3)
        message = await wait_until_stored(server, turn, "So far", done=True)
        assert message["error"]["content"] == "out of words"


async def test_stopping_ends_the_answer_while_the_database_is_locked(
    server: Server, ada: Person, model: ScriptedModel
) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        model.say("So far")
        await wait_for_text(page, "So far")
        async with lock_chats(server):
            (await ada.post(f"/api/tasks/chat/{turn['chat']}/stop")).ok()
            await page.wait_for("chat:tasks:cancel", timeout=3)
            again = (await ada.post(f"/api/tasks/chat/{turn['chat']}/stop")).ok()
            assert again == {"status": True, "message": "No tasks found."}  # the answer has its end already
        message = await wait_until_stored(server, turn, "So far", done=True)
        assert message["output"][0]["status"] == "incomplete"


async def test_a_slow_write_does_not_delay_the_next(server: Server, ada: Person, model: ScriptedModel) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        model.say("a")
        await wait_until_stored(server, turn, "a", done=False)
        async with lock_chats(server):
            model.say("b")
            await asyncio.sleep(SAVE_INTERVAL * 3)
        model.say("c")
        # The pause before a retry, which is 2 s at most, and then one interval.
        await wait_until_stored(server, turn, "abc", done=False, seconds=2 + SAVE_INTERVAL)
        model.say("d")
        await wait_until_stored(server, turn, "abcd", done=False, seconds=SAVE_INTERVAL + 0.25)
        model.end()
        await page.wait_until_idle()


async def test_a_large_answer_is_stored_while_it_grows(server: Server, ada: Person, model: ScriptedModel) -> None:
    async with open_page(ada) as page:
        turn = await ask(page, model)
        for _ in range(20):
            model.say("0123456789" * 2000)
        await wait_until_stored(server, turn, "0123456789" * 40_000, done=False)
        model.end()
        await page.wait_until_idle()
        await wait_until_stored(server, turn, "0123456789" * 40_000, done=True)


async def test_an_end_that_cannot_be_stored_is_given_up(
    model: ScriptedModel, start_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    env = {**model.env, "DATABASE_SQLITE_PRAGMA_BUSY_TIMEOUT": "100", "FASTBACK_ANSWER_RETRY_SECONDS": "0"}
    async with start_server(**env) as server:
        ada = await server.sign_up("Ada")
        async with open_page(ada) as page:
            turn = await ask(page, model)
            async with lock_chats(server):
                with caplog.at_level(logging.ERROR):
                    model.end()
                    await page.wait_until_idle(timeout=3)
                    await asyncio.sleep(0.5)
            text = f"saving the answer of message {turn['answer']} failed, its end is lost"
            assert any(message.startswith(text) for message in caplog.messages)


@pytest.mark.parametrize("chat_id", [None, "local:7"])
async def test_the_text_of_an_answer_leaves_the_memory_with_its_turn(
    ada: Person, model: ScriptedModel, chat_id: str | None
) -> None:
    """References in a circle would keep it until the garbage collector looks for such, which takes minutes."""
    async with open_page(ada) as page:
        gc.collect()
        gc.disable()
        try:
            body = page.build_body("Tell me", models=[MODEL_ID]) | ({"chat_id": chat_id} if chat_id else {})
            (await ada.post("/api/chat/completions", body)).ok()
            await model.wait_until_asked()
            model.say("Once upon a time")
            await wait_for_text(page, "Once upon a time")
            model.end()
            await page.wait_until_idle()
            await wait_until(lambda: not any(isinstance(part, AnswerBuilder) for part in gc.get_objects()))
        finally:
            gc.enable()
