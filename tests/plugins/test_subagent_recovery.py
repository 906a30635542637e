"""Subagents in the background whose server is killed: the next start tells their chat what has become of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from builtin_calls import CHAT
from conftest import Person
from faults.server_process import ServerProcess, prepare_server
from page_client import Page, open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

CONFIG = "/api/v1/configs/subagents"
DISPATCH = call_tools(("delegate_task", {"task": "Count herons", "context": "In the marsh", "background": True}))


@pytest.fixture
async def process(database: str, tmp_path: Path, model: QueuedModel) -> AsyncIterator[ServerProcess]:
    async with prepare_server(database, tmp_path, model.env) as prepared:
        await prepared.start()
        yield prepared


async def wait_forever(request: Any) -> str:
    await asyncio.Event().wait()
    return "Late."


async def prepare(process: ServerProcess) -> Person:
    ada = await process.sign_up()
    config = (await ada.get(CONFIG)).ok()
    enabled = {"ENABLE_SUBAGENTS": True, "SUBAGENTS_BACKGROUND_ENABLED": True}
    (await ada.post(CONFIG, {**config, **enabled})).ok()
    return ada


async def dispatch(page: Page, model: QueuedModel, *, until: int) -> tuple[str, dict[str, Any]]:
    """Ask, wait until the model has had so many requests, and return the chat's id and the handle of the subagent."""
    started = (await page.person.post(CHAT, page.build_body("Go", models=[MODEL_ID]))).ok()
    async with asyncio.timeout(30):
        while len(model.requests) < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    calls = [message for request in model.requests for message in request["messages"] if message["role"] == "tool"]
    return started["chat_id"], json.loads(calls[0]["content"])


async def wait_for_texts(person: Person, chat_id: str, count: int) -> list[Any]:
    """Return the messages of the chat once there are so many, and each is done."""
    async with asyncio.timeout(30):
        while True:
            messages = list((await person.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"].values())
            if len(messages) >= count and all(message.get("done", True) for message in messages):
                return messages
            await asyncio.sleep(0.1)


async def test_a_chat_hears_of_a_subagent_that_was_interrupted(process: ServerProcess, model: QueuedModel) -> None:
    ada = await prepare(process)
    is_answered = asyncio.Event()

    async def answer(request: Any) -> str:
        if request["messages"][-1]["content"].startswith("Count herons"):
            return await wait_forever(request)
        is_answered.set()
        return "They count."

    model.queue(DISPATCH, answer, answer)
    async with open_page(ada) as page:
        chat_id, handle = await dispatch(page, model, until=3)
        await asyncio.wait_for(is_answered.wait(), 30)
        await page.wait_until_idle()
    await process.kill()
    model.queue("A pity.")
    await process.start()
    messages = await wait_for_texts(ada, chat_id, 4)
    question, reply = messages[-2:]
    assert reply["content"] == "A pity."
    assert question["content"].startswith(f"[ASYNC SUBAGENT COMPLETE - {handle['delegation_id']}]")
    assert "Original task: Count herons\nContext provided: In the marsh" in question["content"]
    lines = question["content"].splitlines()
    assert lines[-3:] == [
        "Status: interrupted",
        "--- RESULT ---",
        "The server stopped before the subagent was done.",
    ]
    assert question["meta"]["subagent_chat_id"] == handle["subagent_chat_id"]
    await process.kill()
    await process.start()  # says nothing twice
    await asyncio.sleep(1)
    assert len(await wait_for_texts(ada, chat_id, 4)) == 4


async def test_a_result_that_waited_for_the_chat_is_not_lost(process: ServerProcess, model: QueuedModel) -> None:
    ada = await prepare(process)
    is_answered = asyncio.Event()

    async def answer(request: Any) -> str:
        if request["messages"][-1]["role"] == "tool":
            return await wait_forever(request)
        is_answered.set()
        return "Nine herons."

    model.queue(DISPATCH, answer, answer)
    async with open_page(ada) as page:
        chat_id, handle = await dispatch(page, model, until=3)
        await asyncio.wait_for(is_answered.wait(), 30)
        subagent_answer = await wait_for_texts(ada, handle["subagent_chat_id"], 2)
    assert subagent_answer[-1]["content"] == "Nine herons."
    await process.kill()
    refusal = web.json_response({"error": {"message": "out of birds"}}, status=400)
    model.queue(refusal)
    await process.start()
    messages = await wait_for_texts(ada, chat_id, 4)
    assert messages[-2]["content"].endswith("Status: completed\n--- RESULT ---\nNine herons.")
    assert "out of birds" in str(messages[-1]["error"])


async def test_a_result_is_shown_where_its_model_is_gone(process: ServerProcess, model: QueuedModel) -> None:
    ada = await prepare(process)
    preset = {"id": "heron", "base_model_id": MODEL_ID, "name": "Heron", "meta": {}, "params": {}}
    (await ada.post("/api/v1/models/create", preset)).ok()
    may_answer = asyncio.Event()

    async def answer(request: Any) -> str:
        if request["messages"][-1]["role"] == "tool":
            return "They count."
        await may_answer.wait()
        return "Nine herons."

    model.queue(DISPATCH, answer, answer)
    async with open_page(ada) as page:
        started = (await ada.post(CHAT, page.build_body("Go", models=["heron"]))).ok()
        await page.wait_until_idle()
        (await ada.post("/api/v1/models/model/delete", {"id": "heron"})).ok()
        may_answer.set()
        messages = await wait_for_texts(ada, started["chat_id"], 4)
    assert messages[-2]["content"].endswith("--- RESULT ---\nNine herons.")
    assert messages[-1]["error"] == {"content": "Model not found"}
