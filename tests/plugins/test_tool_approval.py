"""Calls that wait for the user: approved, rejected or answered, in stored chats and in temporary ones."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from conftest import Person
from page_client import Page, open_page
from plugin_installation import install_tool
from queued_model import MODEL_ID, QueuedModel, call_tools

CHAT = "/api/chat/completions"
WRITER = '''
class Tools:
    def __init__(self):
        self.lines = []

    def write(self, line: str) -> str:
        """Write a line."""
        self.lines.append(line)
        return f"{len(self.lines)} lines"
'''
QUESTION = {
    "id": "color",
    "header": "Color",
    "question": "Which color?",
    "options": [{"label": "Red", "description": "Warm"}, {"label": "Blue", "description": "Cool"}],
}
ASK = {"tool_approval_mode": "ask"}


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "ENABLE_TOOL_PERMISSIONS": "true"}


class Waiting:
    """A turn that waits in a stored chat."""

    def __init__(self, page: Page, chat_id: str, message_id: str) -> None:
        self.page = page
        self.chat_id = chat_id
        self.message_id = message_id

    async def resolve(self, call: dict[str, Any], action: str, **more: Any) -> dict[str, Any]:
        """Decide on a call, and wait until the turn that this starts is over."""
        self.page.events.clear()
        url = f"/api/v1/chats/{self.chat_id}/messages/{self.message_id}/resolve"
        body = {"call_id": call["call_id"], "action": action, **more}
        result: dict[str, Any] = (await self.page.person.post(url, body)).ok()
        if result["task_ids"]:
            await self.page.wait_until_idle()
        return result

    async def get_message(self) -> dict[str, Any]:
        chat = (await self.page.person.get(f"/api/v1/chats/{self.chat_id}")).ok()
        message: dict[str, Any] = chat["chat"]["history"]["messages"][self.message_id]
        return message

    async def list_calls(self) -> list[dict[str, Any]]:
        return [item for item in (await self.get_message())["output"] if item["type"] == "function_call"]

    async def list_results(self) -> list[str]:
        output = (await self.get_message())["output"]
        return [item["output"][0]["text"] for item in output if item["type"] == "function_call_output"]


@asynccontextmanager
async def ask_and_wait(person: Person, **more: Any) -> AsyncIterator[Waiting]:
    """Ask on the page, and wait until the turn is over."""
    async with open_page(person) as page:
        body = page.build_body("Please write", models=[MODEL_ID], **more)
        started = (await person.post(CHAT, body)).ok()
        await page.wait_until_idle()
        yield Waiting(page, started["chat_id"], body["id"])


async def test_approved_calls_run_and_rejected_ones_do_not(ada: Person, model: QueuedModel) -> None:
    await install_tool(ada, "writer", WRITER)
    model.queue(call_tools(("write", {"line": "a"}), ("write", {"line": "b"}), ("write", {"line": "c"})), "Written.")
    async with ask_and_wait(ada, tool_ids=["writer"], params=ASK) as turn:
        message = await turn.get_message()
        calls = await turn.list_calls()
        assert message["done"] is False
        assert [call["status"] for call in calls] == ["pending", "queued", "queued"]
        assert message["meta"]["tool_ids"] == ["writer"]
        await turn.resolve(calls[0], "approve")
        assert await turn.list_results() == ["1 lines"]
        assert [call["status"] for call in await turn.list_calls()] == ["completed", "pending", "queued"]
        assert len(model.requests) == 1
        await turn.resolve(calls[1], "reject")
        assert len(model.requests) == 1
        await turn.resolve(calls[2], "approve")
        assert await turn.list_results() == ["1 lines", "Error: tool call rejected by user.", "2 lines"]
        message = await turn.get_message()
        assert (message["done"], message["content"]) == (True, "Written.")
        assert [item["role"] for item in model.requests[1]["messages"]][-5:] == [
            "user",
            "assistant",
            "tool",
            "tool",
            "tool",
        ]
        assert (
            await ada.post(
                f"/api/v1/chats/{turn.chat_id}/messages/{turn.message_id}/resolve",
                {"call_id": calls[0]["call_id"], "action": "approve"},
            )
        ).status == 409


async def test_a_question_to_the_user_waits_for_the_answer(ada: Person, model: QueuedModel) -> None:
    model.queue(call_tools(("ask_user", {"questions": [QUESTION]})), "Red it is.")
    async with ask_and_wait(ada) as turn:
        (call,) = await turn.list_calls()
        assert call["status"] == "pending"
        form = json.loads(call["arguments"])
        assert form["questions"][0]["allow_other"] is True and form["timeout_ms"] == 120_000
        await turn.resolve(call, "answer", answers={"color": "Red"})
        assert json.loads((await turn.list_results())[0]) == {"status": "answered", "answers": {"color": "Red"}}
        assert (await turn.get_message())["content"] == "Red it is."


async def test_invalid_questions_get_errors(ada: Person, model: QueuedModel) -> None:
    model.queue(
        call_tools(("ask_user", {"questions": []})),
        call_tools(("ask_user", {"questions": [QUESTION]}), ("get_current_timestamp", {})),
        "Never mind.",
    )
    async with ask_and_wait(ada) as turn:
        results = await turn.list_results()
        assert results[0] == "Error: ask_user requires 1-3 questions."
        assert results[1].startswith("Error: ask_user must be the only tool call")
        assert "current_timestamp" in results[2]


@pytest.mark.parametrize(("reply", "result"), [(True, "1 lines"), (False, "Error: tool call was not approved.")])
async def test_a_temporary_chat_asks_its_page(ada: Person, model: QueuedModel, reply: bool, result: str) -> None:
    await install_tool(ada, "writer", WRITER)
    model.queue(call_tools(("write", {"line": "a"})), "Done.")
    async with open_page(ada) as page:

        def answer(event: dict[str, Any]) -> Any:
            page.record_event(event)
            return reply if event["data"]["type"] == "confirmation" else None

        page.socket.on("events", answer)
        chat_id = f"local:{page.socket.get_sid()}"
        body = page.build_body("Write", models=[MODEL_ID], chat_id=chat_id, tool_ids=["writer"], params=ASK)
        body["messages"] = [{"role": "user", "content": "Write"}]
        (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
        assert (await page.wait_for("confirmation"))["tool_call"]["arguments"] == {"line": "a"}
    assert model.requests[1]["messages"][-1]["content"] == result
