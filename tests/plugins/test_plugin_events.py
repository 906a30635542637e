"""Events that filters emit: what the page sees, what the chat stores, also after the end of the turn."""

from __future__ import annotations

import asyncio
from typing import Any

from conftest import Person
from page_client import Page, open_page
from plugin_installation import build_question, install_function
from queued_model import MODEL_ID, QueuedModel

EMITTING = """
class Filter:
    async def inlet(self, body, __event_emitter__):
        async def emit(kind, **data):
            await __event_emitter__({"type": kind, "data": data})

        await emit("status", description="Looking", done=False)
        await emit("status", description="Found", done=True)
        await emit("files", files=[{"name": "first"}])
        await emit("files", files=[{"name": "second"}])
        await emit("embeds", embeds=["<p>one</p>"])
        await emit("embeds", embeds=["<p>two</p>"])
        await emit("citation", source={"name": "book"}, document=["text"], metadata=[{}])
        await emit("source", type="code_execution", id="1")
        await emit("message", content="Before ")
        await emit("message", content="the answer")
        await emit("notification", type="info", content="Hello")
        await emit("my:own", number=1)
        return body
"""


async def ask(page: Page, text: str = "Hello", **more: Any) -> dict[str, Any]:
    """Ask on the page, and return the stored message of the answer."""
    sent = await page.ask(text, models=[MODEL_ID], **more)
    return await get_answer(page, sent)


async def get_answer(page: Page, sent: dict[str, Any]) -> dict[str, Any]:
    chat = await page.get_chat(sent["chat_id"])
    message: dict[str, Any] = chat["chat"]["history"]["messages"][sent["answer"]]
    return message


async def test_the_page_sees_every_event_and_the_chat_stores_what_it_keeps(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "emitting", EMITTING, is_global=True)
    model.queue("The answer")
    async with open_page(ada) as page:
        message = await ask(page)
    assert [status["description"] for status in message["statusHistory"]] == ["Looking", "Found"]
    assert [file["name"] for file in message["files"]] == ["second", "first"]
    assert message["embeds"] == ["<p>two</p>", "<p>one</p>"]
    assert [source["source"]["name"] for source in message["sources"]] == ["book"]
    assert message["content"] == "The answer"
    assert page.list_data("my:own") == [{"number": 1}]
    assert page.list_data("notification") == [{"type": "info", "content": "Hello"}]
    assert [data["content"] for data in page.list_data("message")] == ["Before ", "the answer"]


async def test_text_of_events_stays_where_the_answer_has_none(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "emitting", EMITTING, is_global=True)
    model.queue("")
    async with open_page(ada) as page:
        message = await ask(page)
    assert message["content"] == "Before the answer"
    assert message["done"] is True


async def test_events_of_a_task_that_outlives_the_turn_are_shown_and_stored(ada: Person, model: QueuedModel) -> None:
    code = """
import asyncio


class Filter:
    async def inlet(self, body, __event_emitter__, __metadata__):
        self.task = asyncio.create_task(self.follow(__event_emitter__))
        return body

    async def follow(self, emit):
        await asyncio.sleep(1.5)
        await emit({"type": "status", "data": {"description": "Later", "done": True}})
        await emit({"type": "embeds", "data": {"embeds": ["<p>late</p>"]}})
        await asyncio.gather(*(emit({"type": "message", "data": {"content": f" {number}"}}) for number in range(300)))
        await emit({"type": "my:end", "data": {}})
"""
    await install_function(ada, "patient", code, is_global=True)
    model.queue("Hi")
    async with open_page(ada) as page:
        sent = await page.ask("Hello", models=[MODEL_ID])
        assert page.list_data("my:end") == []
        await page.wait_for("my:end")
        message = await get_answer(page, sent)
    assert [status["description"] for status in message["statusHistory"]] == ["Later"]
    assert message["embeds"] == ["<p>late</p>"]
    assert message["content"] == "Hi" + "".join(f" {number}" for number in range(300))


async def test_a_temporary_chat_shows_events_and_stores_none(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "emitting", EMITTING, is_global=True)
    model.queue("Hi")
    async with open_page(ada) as page:
        messages = [{"role": "user", "content": "Hello"}]
        chat_id = f"local:{page.socket.get_sid()}"
        await page.ask("Hello", models=[MODEL_ID], chat_id=chat_id, messages=messages)
        assert page.list_data("my:own") == [{"number": 1}]
        assert {event["chat_id"] for event in page.events if event["data"]["type"] == "my:own"} == {chat_id}
    assert (await ada.get("/api/v1/chats/")).ok() == []


async def test_invalid_events_are_errors_of_the_plugin(ada: Person, model: QueuedModel) -> None:
    code = """
class Filter:
    async def inlet(self, body, __event_emitter__):
        number = {"type": "message", "data": {"content": 5}}
        for event in ("text", number, {"type": "files", "data": "x"}, {"type": "my:own"}):
            try:
                await __event_emitter__(event)
            except Exception as error:
                body["messages"][-1]["content"] += " failed"
        return body
"""
    await install_function(ada, "careless", code, is_global=True)
    model.queue("Hi")
    async with open_page(ada) as page:
        message = await ask(page)
    assert message["content"] == "Hi"
    assert model.requests[-1]["messages"][-1]["content"] == "Hello failed failed failed"


async def test_many_events_do_not_delay_other_requests(ada: Person, model: QueuedModel) -> None:
    code = """
import asyncio


class Filter:
    async def inlet(self, body, __event_emitter__):
        events = ({"type": "status", "data": {"description": str(number)}} for number in range(8000))
        await asyncio.gather(*map(__event_emitter__, events))
        return body
"""
    await install_function(ada, "chatty", code, is_global=True)
    model.queue("Hi")
    asking = asyncio.create_task(ada.post("/api/chat/completions", build_question(parent_id=None, stream=False)))
    loop, times = asyncio.get_running_loop(), []
    while not asking.done():
        start = loop.time()
        (await ada.get("/api/version")).ok()
        times.append(loop.time() - start)
    reply = await asking
    assert sorted(times)[len(times) * 98 // 100] < 0.1
    chat = (await ada.get(f"/api/v1/chats/{reply.headers['x-chat-id']}")).ok()
    (answer,) = [message for message in chat["chat"]["history"]["messages"].values() if message["role"] == "assistant"]
    assert len(answer["statusHistory"]) == 5000
    assert answer["content"] == "Hi"
