"""Answers that call tools again and again: rounds have a limit, and the answer says so."""

from __future__ import annotations

import pytest

from conftest import Person
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS": "2"}


async def test_calls_beyond_the_limit_end_the_answer_with_an_error(ada: Person, model: QueuedModel) -> None:
    model.queue(*[call_tools(("get_current_timestamp", {})) for _ in range(4)])
    async with open_page(ada) as page:
        body = page.build_body("Go", models=[MODEL_ID])
        started = (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()
        (failure,) = page.list_data("chat:message:error")
        message = (await page.get_chat(started["chat_id"]))["chat"]["history"]["messages"][body["id"]]
    error = {"content": "Tool-call limit reached (2 iterations)."}
    assert failure["error"] == message["error"] == error and message["done"] is True
    kinds = [item["type"] for item in message["output"]]
    assert kinds == ["function_call", "function_call_output"] * 2 + ["function_call"] and len(model.requests) == 3
