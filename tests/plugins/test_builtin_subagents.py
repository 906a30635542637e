"""Subagents: a model gives tasks to turns of their own, which run at the same time and answer to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from builtin_calls import CHAT, list_offered
from conftest import Person
from page_client import Page, open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

CONFIG = "/api/v1/configs/subagents"


async def enable_subagents(admin: Person, **fields: Any) -> None:
    config = (await admin.get(CONFIG)).ok()
    (await admin.post(CONFIG, {**config, "ENABLE_SUBAGENTS": True, **fields})).ok()


def list_results(model: QueuedModel) -> list[str]:
    """Return the results of tools in the latest request."""
    return [message["content"] for message in model.requests[-1]["messages"] if message["role"] == "tool"]


async def ask(page: Page, **more: Any) -> dict[str, Any]:
    """Ask in a new chat, and return the response once the chat is idle; subagents have chats of their own."""
    started = (await page.person.post(CHAT, page.build_body("Go", models=[MODEL_ID], **more))).ok()
    await wait_until_idle(page, started["chat_id"])
    return dict(started)


async def wait_until_idle(page: Page, chat_id: str) -> None:
    for _ in range(750):
        if any(not data["active"] for data in page.list_data("chat:active", chat_id=chat_id)):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the chat is still active")


async def list_subagent_chats(page: Page, chat_id: str) -> list[Any]:
    """Return the chats that pages have heard of, but for the one that was asked."""
    chat_ids = {str(event["chat_id"]) for event in page.events if event.get("chat_id")} - {chat_id}
    replies = [await page.person.get(f"/api/v1/chats/{other_id}") for other_id in chat_ids]
    return [reply.json for reply in replies if reply.status == 200]


async def test_two_subagents_work_at_the_same_time_and_answer(ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    both_asked = asyncio.Barrier(2)

    def answer_together(text: str) -> Any:
        async def reply(request: Any) -> str:
            await asyncio.wait_for(both_asked.wait(), 5)
            return text

        return reply

    tasks = (("delegate_task", {"task": "Count herons", "context": "In the marsh"}), ("delegate_task", {"task": "B"}))
    model.queue(call_tools(*tasks), answer_together("Nine."), answer_together("Nine, too."), "Done.")
    async with open_page(ada) as page:
        started = await ask(page, messages=[{"role": "system", "content": "Be brief."}])
    assert sorted(list_results(model)) == ["Nine, too.", "Nine."]
    first = next(request for request in model.requests[1:3] if "herons" in request["messages"][-1]["content"])
    system, question = first["messages"]
    assert question["content"] == "Count herons\n\n## Context\nIn the marsh"
    assert system["content"].startswith("Be brief.\nYou are a subagent")
    names = {tool["function"]["name"] for tool in first["tools"]}
    assert "search_chats" in names and not names & {"delegate_task", "ask_user"}
    chats = await list_subagent_chats(page, started["chat_id"])
    assert {chat["title"] for chat in chats} == {"Sub-agent: Count herons", "Sub-agent: B"}
    assert {chat["meta"]["type"] for chat in chats} == {"subagent"}
    listed = (await ada.get("/api/v1/chats/")).ok()
    assert [chat["id"] for chat in listed] == [started["chat_id"]]
    answers = [message for chat in chats for message in chat["chat"]["history"]["messages"].values()]
    assert all(message["done"] for message in answers if message["role"] == "assistant")
    (await ada.delete(f"/api/v1/chats/{started['chat_id']}")).ok()
    assert await list_subagent_chats(page, started["chat_id"]) == []


async def test_a_subagent_uses_tools_for_a_limited_number_of_rounds(ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada, SUBAGENTS_MAX_ITERATIONS=1, SUBAGENTS_MAX_OUTPUT=10)
    clock = call_tools(("get_current_timestamp", {}))
    model.queue(call_tools(("delegate_task", {"task": "A"})), clock, "It is late in the evening.", "Done.")
    async with open_page(ada) as page:
        await ask(page)
        assert list_results(model) == ["It is late\n\n[output truncated]"]
        model.queue(call_tools(("delegate_task", {"task": "A"})), clock, clock, "Done.")
        count = len(model.requests)
        page.events.clear()
        await ask(page)
    assert len(model.requests) == count + 4  # the second call of the subagent does not run


async def test_no_more_subagents_run_at_once_than_may(ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada, SUBAGENTS_MAX_CONCURRENT=1)
    running_counts: list[int] = []
    running = 0

    async def reply(request: Any) -> str:
        nonlocal running
        running += 1
        running_counts.append(running)
        await asyncio.sleep(0.1)
        running -= 1
        return "Yes."

    model.queue(call_tools(*[("delegate_task", {"task": name}) for name in "ABC"]), reply, reply, reply, "Done.")
    async with open_page(ada) as page:
        await ask(page)
    assert running_counts == [1, 1, 1] and list_results(model) == ["Yes."] * 3


async def test_failures_reach_the_model(ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    failure = web.json_response({"error": {"message": "out of birds"}}, status=400)
    calls = [{"task": " "}, {"task": "A", "file_ids": ["f9"]}, {"task": "B"}]
    model.queue(call_tools(*[("delegate_task", arguments) for arguments in calls]), failure, "Done.")
    async with open_page(ada) as page:
        await ask(page)
    empty, missing, failed = list_results(model)
    assert empty == "Error: task must not be empty."
    assert missing == "Error: file_ids not attached or unavailable: f9"
    assert failed.startswith("Error: ") and "out of birds" in failed


async def test_stopping_the_answer_stops_its_subagents(ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada)
    is_asked, never = asyncio.Event(), asyncio.Event()

    async def wait_forever(request: Any) -> str:
        is_asked.set()
        await never.wait()
        return "Late."

    model.queue(call_tools(("delegate_task", {"task": "A"})), wait_forever)
    async with open_page(ada) as page:
        started = (await ada.post(CHAT, page.build_body("Go", models=[MODEL_ID]))).ok()
        await asyncio.wait_for(is_asked.wait(), 10)
        (await ada.post(f"/api/tasks/stop/{started['task_ids'][0]}")).ok()
        await wait_until_idle(page, started["chat_id"])
    never.set()
    (chat,) = await list_subagent_chats(page, started["chat_id"])
    answers = [message for message in chat["chat"]["history"]["messages"].values() if message["role"] == "assistant"]
    assert answers[0]["done"] and (await ada.get("/api/tasks")).ok()["tasks"] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_subagents_are_off_until_they_are_switched_on(ada: Person, model: QueuedModel) -> None:
    assert "delegate_task" not in await list_offered(ada, model)
    await enable_subagents(ada)
    assert "delegate_task" in await list_offered(ada, model)
    assert "delegate_task" not in await list_offered(ada, model, chat_id="local:x")


async def test_a_subagent_in_the_background_continues_the_chat_with_its_result(ada: Person, model: QueuedModel) -> None:
    await enable_subagents(ada, SUBAGENTS_BACKGROUND_ENABLED=True, SUBAGENTS_MAX_ASYNC=1)
    may_answer = asyncio.Event()

    async def answer(request: Any) -> str:
        if request["messages"][-1]["content"] != "A":
            return "They count."
        await may_answer.wait()
        return "Nine herons."

    calls = [("delegate_task", {"task": name, "background": True}) for name in "AB"]
    model.queue(call_tools(*calls), answer, answer, "Nine it is.")
    async with open_page(ada) as page:
        started = await ask(page)
        chat_id = started["chat_id"]
        request = next(request for request in model.requests if request["messages"][-1]["role"] == "tool")
        dispatched, refused = [message["content"] for message in request["messages"][-2:]]
        handle = json.loads(dispatched)
        assert handle["status"] == "dispatched" and handle["mode"] == "background" and handle["task"] == "A"
        assert refused.startswith("Error: Async subagent capacity reached (1 running).")
        page.events.clear()
        may_answer.set()
        await page.wait_for("chat:reload")
        await wait_until_idle(page, chat_id)
        messages = (await page.get_chat(chat_id))["chat"]["history"]["messages"].values()
    texts = [message["content"] for message in messages]
    assert texts[0] == "Go" and texts[-1] == "Nine it is."
    assert texts[2].startswith(f"[ASYNC SUBAGENT COMPLETE - {handle['delegation_id']}]")
    assert texts[2].endswith("--- RESULT ---\nNine herons.")
    (result,) = [message for message in messages if (message.get("meta") or {}).get("type") == "subagent"]
    assert result["meta"]["subagent_chat_id"] == handle["subagent_chat_id"]
