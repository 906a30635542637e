"""What an API client sends reaches the model server whole: tool calls, their results, answers without text."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest

from conftest import Person
from model_recorder import OLLAMA, OPENAI, RESPONSES, ModelRecorder, record_models
from page_client import open_page

#: Entrances that take OpenAI's chat completions.
DOORS = (
    "/api/chat/completions",
    "/api/v1/chat/completions",
    "/openai/chat/completions",
    "/openai/v1/chat/completions",
    "/ollama/v1/chat/completions",
)
_MISSING = object()
#: The contents of a message that calls a tool and says nothing.
NO_TEXTS = [None, "", [], _MISSING]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "2"}
QUESTION = {"role": "user", "content": "What is 1 + 1?"}


@pytest.fixture
async def recorder(ada: Person) -> AsyncIterator[ModelRecorder]:
    async with record_models(ada) as running:
        yield running


def build_answer(content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", **({} if content is _MISSING else {"content": content}), **fields}


def choose_model(door: str) -> str:
    return OLLAMA if door.startswith("/ollama") else OPENAI


@pytest.mark.parametrize("door", DOORS)
async def test_calls_without_text_stay(ada: Person, recorder: ModelRecorder, door: str) -> None:
    for content in NO_TEXTS:
        messages = [QUESTION, build_answer(content, tool_calls=[CALL]), RESULT]
        for is_stream in (False, True):
            body = {"model": choose_model(door), "messages": messages, "stream": is_stream}
            assert (await ada.post(door, body)).status == 200
            assert recorder.messages == messages


@pytest.mark.parametrize("door", ["/api/chat/completions", "/openai/chat/completions"])
async def test_calls_without_text_reach_the_responses_api(ada: Person, recorder: ModelRecorder, door: str) -> None:
    for content in NO_TEXTS:
        messages = [QUESTION, build_answer(content, tool_calls=[CALL]), RESULT]
        (await ada.post(door, {"model": RESPONSES, "messages": messages})).ok()
        assert recorder.body["input"] == [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is 1 + 1?"}]},
            {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "2"},
        ]


async def test_calls_without_text_reach_ollama(ada: Person, recorder: ModelRecorder) -> None:
    for content in NO_TEXTS:
        messages = [QUESTION, build_answer(content, tool_calls=[CALL]), RESULT]
        (await ada.post("/api/chat/completions", {"model": OLLAMA, "messages": messages})).ok()
        call = {"index": 0, "id": "c1", "function": {"name": "add", "arguments": {"a": 1}}}
        assert recorder.messages == [QUESTION, {"role": "assistant", "content": "", "tool_calls": [call]}, RESULT]


async def test_calls_without_text_in_the_api_of_ollama(ada: Person, recorder: ModelRecorder) -> None:
    call = {"function": {"name": "add", "arguments": {"a": 1}}}
    for content in (None, "", _MISSING):
        messages = [QUESTION, build_answer(content, tool_calls=[call]), {"role": "tool", "content": "2"}]
        (await ada.post("/ollama/api/chat", {"model": OLLAMA, "messages": messages, "stream": False})).ok()
        assert recorder.messages == messages


async def test_calls_without_text_in_the_api_of_anthropic(ada: Person, recorder: ModelRecorder) -> None:
    call = {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "2"}
    messages = [QUESTION, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    for path, is_stream in product(("/api/v1/messages", "/api/message"), (False, True)):
        body = {"model": OPENAI, "max_tokens": 9, "messages": messages, "stream": is_stream}
        assert (await ada.post(path, body)).status == 200
        calls = recorder.messages[1].pop("tool_calls")
        assert recorder.messages == [QUESTION, {"role": "assistant", "content": ""}, RESULT]
        assert json.loads(calls[0]["function"].pop("arguments")) == {"a": 1}
        assert calls == [{"id": "c1", "type": "function", "function": {"name": "add"}}]


async def test_calls_without_text_over_the_websocket(ada: Person, recorder: ModelRecorder) -> None:
    messages = [QUESTION, build_answer(None, tool_calls=[CALL]), RESULT]
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat") as socket:
        await socket.send_json({"model": OPENAI, "messages": messages})
        while (await socket.receive(timeout=10)).data != "[DONE]":
            pass
    assert recorder.messages == messages


#: Answers that hold something else than text.
ANSWERS = [
    build_answer(None, refusal="No."),
    build_answer(None, audio={"id": "audio_1"}),
    build_answer(None, function_call={"name": "add", "arguments": "{}"}),
    build_answer("", reasoning_content="Hm."),
    build_answer(""),
    build_answer(None),
]


@pytest.mark.parametrize("door", DOORS)
async def test_other_answers_without_text_stay(ada: Person, recorder: ModelRecorder, door: str) -> None:
    for answer in ANSWERS:
        messages = [QUESTION, answer, {"role": "function", "name": "add", "content": "2"}, QUESTION]
        (await ada.post(door, {"model": choose_model(door), "messages": messages})).ok()
        assert recorder.messages == messages


async def test_every_field_of_a_message_stays(ada: Person, recorder: ModelRecorder) -> None:
    messages = [
        {"role": "user", "content": "Hi", "name": "Ann", "user": "u1", "timestamp": 5, "error": "e", "info": {"a": 1}},
        {"role": "assistant", "content": "Yes.", "annotations": [], "prefix": True, "reasoning_details": [{"a": 1}]},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}], "cache_control": {"type": "x"}},
    ]
    for door in DOORS[:4]:
        (await ada.post(door, {"model": OPENAI, "messages": messages})).ok()
        assert recorder.messages == messages


async def ask_in_chat(ada: Person, *answers: dict[str, Any]) -> None:
    """Store a chat of a question and these answers, one below the other, and ask on as the page does."""
    stored = [{"role": "user", "content": "Hi"}, *({"role": "assistant", **answer} for answer in answers)]
    messages = {
        f"m{number}": {
            "id": f"m{number}",
            "parentId": f"m{number - 1}" if number else None,
            "childrenIds": [],
            **fields,
        }
        for number, fields in enumerate(stored)
    }
    last_id = f"m{len(stored) - 1}"
    chat = {"title": "T", "history": {"currentId": last_id, "messages": messages}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    async with open_page(ada) as page:
        body = page.build_body("Well?", models=[OPENAI], chat_id=chat_id, parent_id=last_id)
        (await ada.post("/api/chat/completions", body)).ok()
        await page.wait_until_idle()


async def test_empty_answers_of_a_chat_are_skipped(ada: Person, recorder: ModelRecorder) -> None:
    await ask_in_chat(ada, {"content": "", "error": {"content": "broke"}, "userContext": None})
    assert recorder.messages == [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Well?"}]


async def test_an_answer_of_a_chat_becomes_its_rounds_of_calls(ada: Person, recorder: ModelRecorder) -> None:
    def build_text(text: str) -> dict[str, Any]:
        return {"type": "message", "content": [{"type": "output_text", "text": text}]}

    def build_call(call_id: str, **fields: Any) -> dict[str, Any]:
        return {"type": "function_call", "call_id": call_id, "name": "add", "status": "completed", **fields}

    picture = {"type": "input_image", "image_url": "data:image/png;base64,QUJD"}
    output = [
        {"type": "reasoning", "content": [{"type": "output_text", "text": "Hm."}]},
        build_call("c1", arguments='{"a": 1}'),
        build_text("I add."),
        build_call("lost", arguments="{}"),
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "2"}, picture]},
        {"type": "function_call_output", "call_id": "c9", "output": "of no call"},
        build_call("c2", provider_function={"name": "tools", "arguments": {"do": "add"}}),
        {"type": "function_call_output", "call_id": "c2", "output": "4"},
        {"type": "open_webui:code_interpreter", "code": "2 + 2", "output": {"stdout": "", "result": "4"}},
        build_text("It is 4."),
        7,
    ]
    await ask_in_chat(ada, {"content": "I add. It is 4.", "output": output, "usage": {"total_tokens": 5}})
    assert recorder.messages[1:-1] == [
        {"role": "assistant", "content": "I add.", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "These are the images in the results of the tools above."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "c2", "type": "function", "function": {"name": "tools", "arguments": '{"do":"add"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c2", "content": "4"},
        {
            "role": "assistant",
            "content": "<code_interpreter>\n2 + 2\n</code_interpreter>\n"
            "<code_interpreter_output>\n4\n</code_interpreter_output>\nIt is 4.",
        },
    ]
