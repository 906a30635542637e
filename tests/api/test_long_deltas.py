"""Deltas of megabytes: each reaches its reader as many short ones, whatever it is made of and wherever it is cut."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from fault_events import DONE, END, NDJSON, chunk, encode, event
from faulty_model_server import Fault, serve_faults
from page_client import open_page

#: Texts whose escapes, characters and pairs of surrogates are cut anywhere, and one that looks like JSON and Markdown.
TEXTS = {
    "words": "some words " * 200_000,
    "letters": "naïve Straße\n" * 120_000,
    "characters": "漢字テスト。" * 50_000,
    "pictures": "😀x" * 120_000,
    "escapes": '"a\\b"\\\\u00e9\\"' * 100_000,
    "brackets": '{"choices": [], "content": "x"}\n```\n<think' * 40_000,
}
#: A separator that no text of them ends with, so that the rest of the line shows.
LAST = "the end"


def build_faults(name: str, content: str) -> list[Fault]:
    """Return the same text from servers of each protocol, escaped and not."""
    line = {"model": "m", "message": {"role": "assistant", "content": content}, "done": False}
    done = {"model": "m", "message": {"content": LAST}, "done": True}
    responses = [
        {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": delta}
        for delta in (content, LAST)
    ]
    delta = event(json.dumps(chunk(role="assistant", content=content), ensure_ascii=False).encode())
    last = event(chunk(content=LAST))
    return [
        Fault(name=f"escaped-{name}", pieces=(event(chunk(role="assistant", content=content)), last, END), pause=0),
        # Some servers separate events by single line ends.
        Fault(name=f"plain-{name}", pieces=(last[:-1] + delta[:-1] + last, END), pause=0),
        Fault(
            name=f"lines-{name}",
            protocol="ollama",
            content_type=NDJSON,
            pieces=(encode(line) + b"\n" + encode(done) + b"\n",),
            pause=0,
        ),
        Fault(name=f"events-{name}", protocol="responses", pieces=tuple(map(event, responses)), pause=0),
    ]


ARGUMENTS = json.dumps({"text": TEXTS["escapes"]})
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write", "arguments": ARGUMENTS}}


@pytest.fixture
async def environment() -> AsyncIterator[dict[str, str]]:
    faults = [fault for name, content in TEXTS.items() for fault in build_faults(name, content)]
    ending = chunk("stop", role="assistant", content=TEXTS["words"])
    ending["choices"][0] = {"finish_reason": "stop", **ending["choices"][0]}
    faults += [
        Fault(name="call", pieces=(event(chunk(tool_calls=[CALL])), event(chunk("tool_calls")), END), pause=0),
        Fault(name="ended", pieces=(event({**ending, "usage": {"prompt_tokens": 3, "completion_tokens": 2}}), DONE)),
        Fault(name="broken-off", pieces=(event(chunk(content=TEXTS["words"]))[:1_000_000],), breaks=True),
    ]
    async with serve_faults(faults) as url:
        yield {
            "OPENAI_API_BASE_URLS": f"{url}/v1;{url}/responses/v1",
            "OPENAI_API_KEYS": "a;b",
            "OPENAI_API_CONFIGS": json.dumps({"1": {"api_type": "responses"}}),
            "ENABLE_OLLAMA_API": "true",
            "OLLAMA_BASE_URLS": url,
        }


async def read_events(person: Person, model: str) -> list[Any]:
    """Return the events of an answer in Anthropic's form, none of which is long."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True, "max_tokens": 9}
    reply = await person.post("/api/v1/messages", body)
    lines = [line for line in reply.text.split("\n") if line.startswith("data: ")]
    assert max(map(len, lines)) < 128 * 1024
    return [json.loads(line[6:]) for line in lines]


def join_deltas(events: list[Any], field: str) -> str:
    deltas = (content["delta"] for content in events if content["type"] == "content_block_delta")
    return "".join(delta.get(field, "") for delta in deltas)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("name", TEXTS)
async def test_the_text_of_a_long_delta_comes_through(ada: Person, name: str) -> None:
    for kind, start in (("escaped", ""), ("plain", LAST), ("lines", ""), ("events", "")):
        events = await read_events(ada, f"{kind}-{name}")
        assert join_deltas(events, "text") == start + TEXTS[name] + LAST, kind
        assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_fields_around_a_long_text_come_once(ada: Person) -> None:
    events = await read_events(ada, "call")
    (start,) = (content["content_block"] for content in events if content["type"] == "content_block_start")
    assert (start["id"], start["name"]) == ("call_1", "write")
    assert join_deltas(events, "partial_json") == ARGUMENTS

    async with ada.http().ws_connect(f"{ada.url}/api/ws/chat?token={ada.token}", max_msg_size=0) as socket:
        question = {"model": "ended", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        await socket.send_json(question)
        chunks: list[Any] = []
        while (text := await socket.receive_str(timeout=10)) != "[DONE]":
            chunks.append(json.loads(text))
    deltas = [content["choices"][0] for content in chunks]
    assert "".join(choice["delta"]["content"] for choice in deltas) == TEXTS["words"]
    assert [choice["delta"].get("role") for choice in deltas] == ["assistant"] + [None] * (len(deltas) - 1)
    assert [choice.get("finish_reason") for choice in deltas] == [None] * (len(deltas) - 1) + ["stop"]
    assert [bool(content.get("usage")) for content in chunks] == [False] * (len(deltas) - 1) + [True]
    assert {content["id"] for content in chunks} == {"c"}


async def test_a_long_delta_that_breaks_off_is_kept(ada: Person) -> None:
    async with open_page(ada) as page:
        ids = await page.ask("Hi", models=["broken-off"])
        answer = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
    assert TEXTS["words"].startswith(answer["content"]) and len(answer["content"]) > 900_000
    assert answer["done"] is True and answer["error"]
