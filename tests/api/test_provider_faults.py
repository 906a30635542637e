"""Model servers that misbehave: text, usage and the end of an answer come through at every entrance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from conftest import Person
from fastback.features.chats.messages import turn_store
from fault_events import CONNECTION_ERROR, JSON
from faulty_model_server import Fault, serve_faults
from page_client import open_page
from provider_faults import FAULTS

CHAT = "/api/chat/completions"
STREAM_FAILED = "Chat completion stream failed"
#: What ends a stream that broke off.
FAILURE = b'\n\ndata: {"error": {"message": "Chat completion stream failed"}}\n\ndata: [DONE]\n\n'


@pytest.fixture
async def faulty_server() -> AsyncIterator[str]:
    async with serve_faults(FAULTS) as url:
        yield url


@pytest.fixture
async def environment(faulty_server: str) -> dict[str, str]:
    return {
        "OPENAI_API_BASE_URLS": f"{faulty_server}/v1;{faulty_server}/responses/v1",
        "OPENAI_API_KEYS": "k;k",
        "OPENAI_API_CONFIGS": json.dumps({"1": {"enable": True, "api_type": "responses"}}),
        "ENABLE_OLLAMA_API": "true",
        "OLLAMA_BASE_URLS": faulty_server,
        # The models would call their tools again and again.
        "CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS": "0",
    }


@dataclass
class Answer:
    """What came of a fault at one entrance, as the catalogue puts it."""

    text: str = ""
    reasoning: str = ""
    calls: list[list[str]] = field(default_factory=list)
    usage: tuple[int, int] | None = None
    error: str | None = None

    @classmethod
    def expect(cls, fault: Fault) -> Answer:
        return cls(fault.text, fault.reasoning, [list(call) for call in fault.calls], fault.usage, fault.error)


def make_question(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **more}


def read_stored(message: dict[str, Any]) -> Answer:
    """Return the answer that a message of a chat holds."""
    assert message["done"] is True
    output = message.get("output") or []
    reasoning = [part["text"] for item in output if item["type"] == "reasoning" for part in item["content"]]
    calls = [[item["name"], item["arguments"]] for item in output if item["type"] == "function_call"]
    usage = message.get("usage")
    counts = (usage["input_tokens"], usage["output_tokens"]) if usage else None
    error = message["error"]["content"] if "error" in message else None
    return Answer(message["content"], "".join(reasoning), calls, counts, error)


async def load_messages(person: Person, chat_id: str) -> dict[str, Any]:
    chat = (await person.get(f"/api/v1/chats/{chat_id}")).ok()
    messages: dict[str, Any] = chat["chat"]["history"]["messages"]
    return messages


async def test_the_page_shows_and_stores_what_came(ada: Person) -> None:
    async with open_page(ada) as page:
        for fault in FAULTS:
            page.events.clear()
            ids = await page.ask("Hi", models=[fault.name])
            answer = read_stored((await load_messages(ada, ids["chat_id"]))[ids["answer"]])
            expected = Answer.expect(fault)
            if expected.calls and expected.error is None and fault.content_type != JSON:
                expected.error = "Tool-call limit reached (0 iterations)."  # see `environment`
            assert (fault.name, answer) == (fault.name, expected)
            errors = [data["error"]["content"] for data in page.list_data("chat:message:error")]
            assert errors == ([] if expected.error is None else [expected.error])
            if fault.error is None:
                assert page.list_data("chat:completion")[-1]["done"] is True


def parse_events(body: bytes) -> list[Any]:
    """Return the payloads of a stream of chat completions, which must be as the protocol has it."""
    *events, rest = body.decode().split("\n\n")
    assert rest == ""
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1] if event]


def add_up_chunks(chunks: list[Any]) -> Answer:
    answer = Answer()
    for chunk in chunks:
        if "error" in chunk:
            answer.error = chunk["error"]["message"]
        if "usage" in chunk:
            answer.usage = (chunk["usage"]["prompt_tokens"], chunk["usage"]["completion_tokens"])
        for choice in chunk.get("choices", []):
            delta = choice["delta"]
            answer.text += delta.get("content") or ""
            answer.reasoning += delta.get("reasoning_content") or ""
            for call in delta.get("tool_calls") or []:
                if call["index"] == len(answer.calls):
                    answer.calls.append([call["function"]["name"], ""])
                answer.calls[call["index"]][1] += call["function"]["arguments"]
    return answer


OTHER_PROTOCOLS = [fault for fault in FAULTS if fault.protocol != "openai"]


@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_api_client_gets_chunks_whatever_the_protocol_of_the_server(ada: Person) -> None:
    for fault in OTHER_PROTOCOLS:
        reply = await ada.post(CHAT, make_question(fault.name, stream=True))
        expected = Answer.expect(fault)
        if fault.content_type == "application/json":
            if fault.error is not None:
                assert (reply.status, reply.json) == (502, {"error": {"message": fault.error}})
                continue
            completion = reply.ok()
            message = completion["choices"][0]["message"]
            answer = Answer(message["content"], message.get("reasoning_content") or "")
            answer.usage = (completion["usage"]["prompt_tokens"], completion["usage"]["completion_tokens"])
        else:
            assert reply.headers["content-type"] == "text/event-stream"
            answer = add_up_chunks(parse_events(reply.body))
            if fault.breaks:
                expected.error = STREAM_FAILED
        assert (fault.name, answer) == (fault.name, expected)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_api_client_gets_the_bytes_of_an_openai_server(ada: Person) -> None:
    for fault in FAULTS:
        if fault.protocol != "openai":
            continue
        reply = await ada.post(CHAT, make_question(fault.name, stream=True))
        is_stream = fault.content_type.lower().startswith("text/event-stream")
        if not fault.breaks:
            assert (reply.status, reply.body) == (200, fault.body)
        elif is_stream:
            whole_lines = fault.body[: fault.body.rfind(b"\n") + 1]
            assert (reply.status, reply.body) == (200, whole_lines + FAILURE)
        else:
            reply.refused(502, CONNECTION_ERROR)


async def receive_turn(socket: Any) -> list[str]:
    """Return the messages of one turn of `/api/ws/chat`, to its last."""
    messages: list[str] = []
    while not messages or (messages[-1] != "[DONE]" and not messages[-1].startswith('{"error":{"message"')):
        messages.append((await socket.receive(timeout=10)).data)
    return messages


async def test_every_turn_of_a_socket_ends_and_is_stored(ada: Person) -> None:
    chat = {"title": "T", "history": {"currentId": None, "messages": {}}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        for fault in FAULTS:
            metadata = {"chat_id": chat_id, "message_id": fault.name}
            await socket.send_json(make_question(fault.name, metadata=metadata))
            *chunks, last = await receive_turn(socket)
            assert last == ("[DONE]" if fault.error is None else f'{{"error":{{"message":"{fault.error}"}}}}')
            assert all(isinstance(json.loads(chunk, parse_int=float), dict) for chunk in chunks)
    messages = await load_messages(ada, chat_id)
    for fault in FAULTS:
        assert (fault.name, read_stored(messages[fault.name])) == (fault.name, Answer.expect(fault))


async def test_the_next_turn_of_a_socket_may_follow_at_once(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = {"title": "T", "history": {"currentId": None, "messages": {}}}
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    save_message = turn_store.save_message

    async def save_slowly(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(0.1)
        return await save_message(*arguments, **options)

    monkeypatch.setattr(turn_store, "save_message", save_slowly)
    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}") as socket:
        for number in range(3):
            metadata = {"chat_id": chat_id, "message_id": f"answer-{number}"}
            await socket.send_json(make_question("end-without-done", metadata=metadata))
            assert (await receive_turn(socket))[-1] == "[DONE]"
            messages = await load_messages(ada, chat_id)
            assert messages[f"answer-{number}"]["content"] == "Hello"


def add_up_message(reply: Any) -> Answer:
    """Return the answer in a whole message of Anthropic's API."""
    answer = Answer(usage=(reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]))
    for block in reply["content"]:
        if block["type"] == "text":
            answer.text += block["text"]
        elif block["type"] == "thinking":
            answer.reasoning += block["thinking"]
        else:
            answer.calls.append([block["name"], json.dumps(block["input"], ensure_ascii=False)])
    assert reply["stop_reason"] == ("tool_use" if answer.calls else "end_turn")
    return answer


def add_up_anthropic_events(body: bytes) -> Answer:
    """Return the answer in a stream of Anthropic's API, each block of which must start and stop."""
    events = [json.loads(event.split("\ndata: ")[1]) for event in body.decode().strip().split("\n\n")]
    answer = Answer()
    blocks: dict[int, Any] = {}
    stopped_blocks = set()
    assert events[0]["type"] == "message_start"
    assert events[-1]["type"] in ("message_stop", "error")
    for event in events:
        if event["type"] == "content_block_start":
            blocks[event["index"]] = event["content_block"]
            if event["content_block"]["type"] == "tool_use":
                answer.calls.append([event["content_block"]["name"], ""])
        elif event["type"] == "content_block_delta":
            assert event["index"] not in stopped_blocks
            answer.text += event["delta"].get("text", "")
            answer.reasoning += event["delta"].get("thinking", "")
            if "partial_json" in event["delta"]:
                tool_blocks = [index for index, block in blocks.items() if block["type"] == "tool_use"]
                answer.calls[tool_blocks.index(event["index"])][1] += event["delta"]["partial_json"]
        elif event["type"] == "content_block_stop":
            stopped_blocks.add(event["index"])
        elif event["type"] == "message_delta":
            answer.usage = (event["usage"].get("input_tokens", 0), event["usage"]["output_tokens"])
            assert (event["delta"]["stop_reason"] == "tool_use") == bool(answer.calls)
        elif event["type"] == "error":
            answer.error = event["error"]["message"]
    assert stopped_blocks == set(blocks) or answer.error is not None
    return answer


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_client_of_anthropics_api_gets_a_message_or_an_error(ada: Person) -> None:
    for fault in FAULTS:
        reply = await ada.post("/api/v1/messages", make_question(fault.name, stream=True, max_tokens=9))
        expected = Answer.expect(fault)
        if reply.headers["content-type"].startswith("text/event-stream"):
            answer = add_up_anthropic_events(reply.body)
            expected.error = STREAM_FAILED if fault.breaks else fault.error
            expected.usage = fault.usage or (None if expected.error is not None else (0, 0))
        elif reply.status == 200:
            answer = add_up_message(reply.json)
            expected.usage = fault.usage or (0, 0)
        else:
            assert reply.status == (429 if fault.name == "whole-error-with-code" else 502)
            error = reply.json["detail"] if "detail" in reply.json else reply.json["error"]["message"]
            answer = Answer(error=error)
        assert (fault.name, answer) == (fault.name, expected)
