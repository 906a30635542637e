"""Malformed messages: a server of the same API judges them itself; what cannot be converted is refused with 400."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from model_recorder import OLLAMA, OPENAI, RESPONSES, ModelRecorder, record_models

CHAT = "/api/chat/completions"
QUESTION = {"role": "user", "content": "Hi"}


@pytest.fixture
async def recorder(ada: Person) -> AsyncIterator[ModelRecorder]:
    async with record_models(ada) as running:
        yield running


def build_call(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", **fields}]}


#: Messages that neither Ollama's nor the Responses API can be sent.
MALFORMED = [
    {"role": "user", "content": 5},
    {"role": "user", "content": {"type": "text", "text": "Hi"}},
    {"role": "user", "content": ["Hi"]},
    {"role": "user", "content": [{"type": "text", "text": 5}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": 5}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": None}]},
    {"role": "assistant", "content": "", "tool_calls": {"id": "c1", "function": {"name": "add"}}},
    {"role": "assistant", "content": "", "tool_calls": "add"},
    {"role": "assistant", "content": "", "tool_calls": [None]},
    build_call(),
    build_call(function=None),
    build_call(function="add"),
    build_call(function={"name": 5}),
    build_call(function={"name": "add", "arguments": [1]}),
    {"role": "assistant", "content": None, "function_call": "add"},
    {"role": "tool", "tool_call_id": "c1", "content": {"a": 1}},
]


@pytest.mark.parametrize("model_id", [OLLAMA, RESPONSES])
async def test_what_cannot_be_converted_is_refused(ada: Person, recorder: ModelRecorder, model_id: str) -> None:
    for message in MALFORMED:
        for is_stream in (False, True):
            reply = await ada.post(CHAT, {"model": model_id, "messages": [QUESTION, message], "stream": is_stream})
            assert isinstance(reply.refused(400), str), message
    assert recorder.bodies == []


async def test_options_that_are_no_object(ada: Person, recorder: ModelRecorder) -> None:
    for path in (CHAT, "/ollama/api/chat"):
        (await ada.post(path, {"model": OLLAMA, "messages": [QUESTION], "options": 5})).refused(400)


async def test_a_picture_without_an_object(ada: Person, recorder: ModelRecorder) -> None:
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png;base64,QUJD"}]}]
    (await ada.post(CHAT, {"model": OLLAMA, "messages": messages})).refused(400)
    (await ada.post(CHAT, {"model": RESPONSES, "messages": messages})).ok()
    (item,) = recorder.body["input"]
    assert item["content"] == [{"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "auto"}]


async def test_a_server_of_the_same_api_judges_itself(ada: Person, recorder: ModelRecorder) -> None:
    for path in (CHAT, "/openai/chat/completions"):
        for message in MALFORMED:
            (await ada.post(path, {"model": OPENAI, "messages": [QUESTION, message]})).ok()
            assert recorder.messages == [QUESTION, message]


async def test_older_and_rarer_forms_are_converted(ada: Person, recorder: ModelRecorder) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}
    messages = [
        {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": '{"a": 1}'}},
        {"role": "function", "name": "add", "content": "2"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "function": {"name": "go", "arguments": {}}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "There"}, picture]},
        {"role": "assistant", "content": None, "refusal": "No."},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "So"}, {"type": "refusal", "refusal": "no."}],
        },
    ]
    (await ada.post(CHAT, {"model": RESPONSES, "messages": messages})).ok()
    assert recorder.body["input"] == [
        {"type": "function_call", "call_id": "add", "name": "add", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "add", "output": "2"},
        {"type": "function_call", "call_id": "c", "name": "go", "arguments": "{}"},
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [
                {"type": "input_text", "text": "There"},
                {"type": "input_image", "image_url": "data:image/png;base64,QUJD", "detail": "low"},
            ],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "So"}, {"type": "refusal", "refusal": "no."}],
        },
    ]
    (await ada.post(CHAT, {"model": OLLAMA, "messages": messages})).ok()
    assert recorder.messages == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"index": 0, "id": "add", "function": {"name": "add", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "2", "tool_name": "add"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"index": 0, "id": "c", "function": {"name": "go", "arguments": {}}}],
        },
        {"role": "tool", "content": "There", "images": ["QUJD"], "tool_call_id": "c"},
        {"role": "assistant", "content": "No."},
        {"role": "assistant", "content": "So\nno."},
    ]


VALUES: list[Any] = [None, 0, -1.5, True, "", "a", "[1]", [], [None], ["a"], [[]], {}, {"a": 1}, [{}], {"url": "x"}]
TYPES = ["text", "image_url", "input_text", "input_image", "refusal", "file", "tool_use", "tool_result", "document", 5]
KEYS = ["text", "image_url", "refusal", "file", "source", "content", "input", "id", "function", "name", "arguments"]
FIELDS = [
    "content",
    "tool_calls",
    "function_call",
    "output",
    "files",
    "refusal",
    "audio",
    "name",
    "tool_call_id",
    "meta",
]


def make_value(random_: random.Random, depth: int = 0) -> Any:
    """Return a value that a careless client may send."""
    kind = random_.random()
    if depth > 3 or kind < 0.4:
        return random_.choice(VALUES)
    if kind < 0.6:
        return [make_value(random_, depth + 1) for _ in range(random_.randrange(3))]
    keys = random_.sample(KEYS, random_.randrange(1, 4))
    return {"type": random_.choice(TYPES), **{key: make_value(random_, depth + 1) for key in keys}}


def make_message(random_: random.Random) -> dict[str, Any]:
    fields = random_.sample(FIELDS, random_.randrange(1, 5))
    role = random_.choice(["user", "assistant", "tool", "system", "function", None, 5, ["user"]])
    return {"role": role, **{name: make_value(random_) for name in fields}}


def make_body(random_: random.Random) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": [make_message(random_) for _ in range(random_.randrange(4))]}
    names = ["tools", "tool_choice", "options", "stop", "response_format", "stream_options", "max_tokens", "params"]
    names += ["system", "features", "files", "variables", "chat_variables", "logit_bias", "stop_sequences", "metadata"]
    names += ["background_tasks", "message_ids", "user_message", "thinking", "output_config", "think", "format"]
    body |= {name: make_value(random_) for name in random_.sample(names, random_.randrange(3))}
    return {**body, "stream": random_.random() < 0.3}


DOORS = {
    CHAT: (OPENAI, OLLAMA, RESPONSES, "tuned"),
    "/openai/chat/completions": (OPENAI, RESPONSES),
    "/ollama/api/chat": (OLLAMA,),
    "/ollama/v1/chat/completions": (OLLAMA,),
    "/api/v1/messages": (OPENAI, OLLAMA, RESPONSES),
}


@pytest.mark.parametrize("door", DOORS)
async def test_no_request_makes_the_server_fail(ada: Person, recorder: ModelRecorder, door: str) -> None:
    form = {"id": "tuned", "name": "Tuned", "base_model_id": OLLAMA, "meta": {}, "params": {"system": "Be kind."}}
    (await ada.post("/api/v1/models/create", form)).ok()
    random_ = random.Random(door)
    for _ in range(120):
        body = {"model": random_.choice(DOORS[door]), **make_body(random_)}
        reply = await ada.post(door, body)
        assert reply.status < 500, (body, reply.text)


async def test_half_a_surrogate_pair_is_left_out(ada: Person, recorder: ModelRecorder) -> None:
    """Check that an emoji cut in two, as scripts do, does not lose the request."""
    headers = {"content-type": "application/json"}
    text = rb'"role": "user", "content": "A \ud83d\ude00 and \ud83d half"'
    for path, model_id in ((path, model_id) for path, model_ids in DOORS.items() for model_id in model_ids):
        if model_id in (RESPONSES, "tuned"):
            continue
        body = rb'{"model": "%b", "stream": false, "max_tokens": 5, "messages": [{%b}]}' % (model_id.encode(), text)
        (await ada.post(path, data=body, headers=headers)).ok()
        assert recorder.messages == [{"role": "user", "content": "A 😀 and  half"}]
    for path, model_id in (("/openai/responses", RESPONSES), ("/ollama/api/embed", OLLAMA)):
        body = rb'{"model": "%b", "input": ["x"], "more": {"a": "\udfff?"}}' % model_id.encode()
        assert (await ada.post(path, data=body, headers=headers)).status == 200
        assert recorder.body["more"] == {"a": "?"}
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat") as socket:
        await socket.send_str((rb'{"model": "%b", "messages": [{%b}]}' % (OPENAI.encode(), text)).decode())
        while (await socket.receive(timeout=10)).data != "[DONE]":
            pass
    assert recorder.messages == [{"role": "user", "content": "A 😀 and  half"}]
    history = rb'{"currentId": "q", "messages": {"q": {"id": "q", "parentId": null, %b}}}' % text
    chat = rb'{"chat": {"title": "T", "history": %b}}' % history
    stored = (await ada.post("/api/v1/chats/new", data=chat, headers=headers)).ok()
    stored = (await ada.get(f"/api/v1/chats/{stored['id']}")).ok()
    assert stored["chat"]["history"]["messages"]["q"]["content"] == "A 😀 and  half"
