"""Questions of plugins to the page: dialogs with an id that are closed, pages that go, and pages that come back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import Person
from page_client import Page, close_socket, open_page
from plugin_installation import install_function
from queued_model import MODEL_ID, QueuedModel
from waiting import wait_until

ASKING = """
class Filter:
    async def inlet(self, body, __event_call__):
        reply = await __event_call__({"type": "KIND", "data": {"title": "Which?"}})
        body["messages"][-1]["content"] += f" {reply}"
        return body
"""


def answer_questions(page: Page, kind: str, reply: Any) -> None:
    """Let a page reply to events of a kind."""

    def handle(event: dict[str, Any]) -> Any:
        page.record_event(event)
        return reply if event["data"]["type"] == kind else None

    page.socket.on("events", handle)


def leave_questions_open(page: Page, kind: str) -> None:
    """Let a page show events of a kind without a reply."""

    async def handle(event: dict[str, Any]) -> None:
        page.record_event(event)
        if event["data"]["type"] == kind:
            await asyncio.sleep(30)

    page.socket.on("events", handle)


async def test_a_dialog_carries_an_id_and_is_closed_by_it(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "asking", ASKING.replace("KIND", "confirmation"), is_global=True)
    async with open_page(ada) as page:
        answer_questions(page, "confirmation", True)
        await page.ask("Hello", models=[MODEL_ID])
        (question,) = page.list_data("confirmation")
        assert question["title"] == "Which?"
        assert page.list_data("request:interaction:done") == [{"interaction_id": question["interaction_id"]}]
    assert model.requests[-1]["messages"][-1]["content"] == "Hello True"


async def test_a_question_that_is_no_dialog_goes_out_as_it_is(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "asking", ASKING.replace("KIND", "execute"), is_global=True)
    async with open_page(ada) as page:
        answer_questions(page, "execute", {"x": 1})
        await page.ask("Hello", models=[MODEL_ID])
        assert page.list_data("execute") == [{"title": "Which?"}]
        assert page.list_data("request:interaction:done") == []
    assert model.requests[-1]["messages"][-1]["content"] == "Hello {'x': 1}"


async def test_a_page_that_goes_ends_its_question(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "asking", ASKING.replace("KIND", "execute"), is_global=True)
    async with open_page(ada) as other, open_page(ada) as page:
        leave_questions_open(page, "execute")
        await ada.post("/api/chat/completions", page.build_body("Hello", models=[MODEL_ID]))
        await page.wait_for("execute")
        await close_socket(page.socket)
        await other.wait_until_idle()
    assert model.requests[-1]["messages"][-1]["content"] == "Hello {'error': 'Client session disconnected.'}"


async def test_a_dialog_is_shown_again_where_the_user_opens_the_chat(ada: Person, model: QueuedModel) -> None:
    await install_function(ada, "asking", ASKING.replace("KIND", "input"), is_global=True)
    async with open_page(ada) as other, open_page(ada) as page:
        leave_questions_open(page, "input")
        reply = (await ada.post("/api/chat/completions", page.build_body("Hello", models=[MODEL_ID]))).ok()
        first = await page.wait_for("input")
        answer_questions(other, "input", "red")
        await close_socket(page.socket)
        await other.socket.emit("events:chat", {"chat_id": reply["chat_id"], "data": {"type": "join"}})
        await other.wait_until_idle()
        assert other.list_data("input") == [first]
    assert model.requests[-1]["messages"][-1]["content"] == "Hello red"


async def test_another_user_cannot_be_asked(ada: Person, bob: Person, model: QueuedModel) -> None:
    await install_function(ada, "asking", ASKING.replace("KIND", "input"), is_global=True)
    async with open_page(bob) as page:
        body = page.build_body("Hello", models=[MODEL_ID])
        await ada.post("/api/chat/completions", body)
        await wait_until(lambda: model.requests)
        assert page.list_data("input") == []
    assert "disconnected" in model.requests[-1]["messages"][-1]["content"]


class TestLatePages:
    @pytest.fixture
    def environment(self, model: QueuedModel) -> dict[str, str]:
        return model.env | {"WEBSOCKET_EVENT_CALLER_TIMEOUT": "1"}

    async def test_a_page_that_does_not_reply_in_time(self, ada: Person, model: QueuedModel) -> None:
        await install_function(ada, "asking", ASKING.replace("KIND", "execute"), is_global=True)
        async with open_page(ada) as page:
            leave_questions_open(page, "execute")
            await page.ask("Hello", models=[MODEL_ID])
        text = "Event call timed out. The browser tab may be inactive or closed."
        assert model.requests[-1]["messages"][-1]["content"] == f"Hello {{'error': '{text}'}}"
