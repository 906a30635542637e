"""Reasoning beside an answer: where it is cut from the text, and that the text stays as the model wrote it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from conftest import Person
from fault_events import END, chunk, event
from faulty_model_server import Fault, serve_faults
from page_client import open_page


@dataclass(frozen=True)
class Case:
    """Deltas of an answer; texts are deltas of content, dicts have other fields."""

    deltas: tuple[str | dict[str, Any], ...]
    content: str
    reasoning: tuple[str, ...] = ()
    items: tuple[str, ...] = ("message",)


HM = {"reasoning_content": "Hm"}
REASONED = ("reasoning", "message")
CALL = {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}]}
CASES = {
    "reasoning-first": Case((HM, "Hello"), "Hello", ("Hm",), REASONED),
    "reasoning-in-the-middle": Case(("Hel", HM, "lo"), "Hello", ("Hm",), REASONED),
    "reasoning-twice": Case((HM, "Hel", {"reasoning": "Ha"}, "lo"), "Hello", ("HmHa",), REASONED),
    "reasoning-around-a-call": Case(
        (HM, "Hel", CALL, HM, "lo"), "Hel\nlo", ("Hm", "Hm"), (*REASONED, "function_call", *REASONED)
    ),
    "tags-first": Case(("<think>\nHm</think>\n\nHello",), "Hello", ("Hm",), REASONED),
    "tags-in-the-middle": Case(("Hel<think>Hm</think>lo",), "Hello", ("Hm",), REASONED),
    "tags-cut": Case(("Hel<th", "ink>H", "m</", "think>l", "o"), "Hello", ("Hm",), REASONED),
    "tags-between-words": Case(("Hello", " <think>Hm</think>", " ", "Ada"), "Hello  Ada", ("Hm",), REASONED),
    "tags-between-paragraphs": Case(("One.", "<think>Hm</think>\n\n", "Two."), "One.\n\nTwo.", ("Hm",), REASONED),
    "tags-twice-first": Case(
        ("<think>Hm</think>\n<think>Ha</think>Hello",), "Hello", ("Hm", "Ha"), ("reasoning", *REASONED)
    ),
    "blanks-before-tags": Case(("\n", "\n<think>Hm</think>", "\n", "\nHello"), "Hello", ("Hm",), REASONED),
    "blanks-before-reasoning": Case(("\n\n", HM, "\n\n", "Hello"), "Hello", ("Hm",), REASONED),
    "blanks-alone": Case(("\n", " "), "", (), ()),
    "tag-in-a-code-span": Case(("Write `<think>` first.",), "Write `<think>` first."),
    "tag-in-a-long-code-span": Case(("``a ` <think>``",), "``a ` <think>``"),
    "tag-in-a-fenced-block": Case(("```xml\n<think>Hm</think>\n```\n",), "```xml\n<think>Hm</think>\n```"),
    "tag-in-a-block-of-tildes": Case(("~~~\n```\n<think>\n~~~",), "~~~\n```\n<think>\n~~~"),
    "tag-after-a-block": Case(("```\na\n```\n<think>Hm</think>b",), "```\na\n```\nb", ("Hm",), REASONED),
    "tag-after-a-backtick": Case(("A ` is.\n<think>Hm</think>b",), "A ` is.\nb", ("Hm",), REASONED),
    "tag-cut-in-code": Case(("`", "<th", "ink", ">`"), "`<think>`"),
}


@pytest.fixture
async def faulty_server() -> AsyncIterator[str]:
    faults = []
    for name, case in CASES.items():
        deltas = [{"content": delta} if isinstance(delta, str) else delta for delta in case.deltas]
        faults.append(Fault(name=name, pieces=(*(event(chunk(**delta)) for delta in deltas), END)))
    async with serve_faults(faults) as url:
        yield url


@pytest.fixture
async def environment(faulty_server: str) -> dict[str, str]:
    # The model would call its tool again and again.
    return {"OPENAI_API_BASE_URLS": f"{faulty_server}/v1", "CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS": "0"}


async def test_reasoning_and_text_are_told_apart(ada: Person) -> None:
    async with open_page(ada) as page:
        for name, case in CASES.items():
            page.events.clear()
            ids = await page.ask("Hi", models=[name])
            answer = (await page.get_chat(ids["chat_id"]))["chat"]["history"]["messages"][ids["answer"]]
            output = answer["output"]
            reasoning = [item["content"][0]["text"] for item in output if item["type"] == "reasoning"]
            assert (name, answer["content"]) == (name, case.content)
            assert (name, tuple(reasoning)) == (name, case.reasoning)
            assert (name, tuple(item["type"] for item in output)) == (name, case.items)
            assert all(item["status"] == "completed" for item in output)


def add_up_items(messages: list[Any]) -> list[tuple[str, str]]:
    """Return kind and text of the items that a page makes of socket messages, in the order in which it shows them."""
    items: list[Any] = []
    for message in messages:
        if message["type"] == "response.output_item.added":
            items.insert(message["output_index"], [message["item"]["id"], message["item"]["type"], ""])
        elif message["type"].endswith(".delta"):
            if not any(item[0] == message["item_id"] for item in items):
                assert message["output_index"] == len(items)
                items.append([message["item_id"], "message", ""])
            next(item for item in items if item[0] == message["item_id"])[2] += message["delta"]
    return [(kind, text) for _, kind, text in items]


async def test_the_page_shows_reasoning_above_the_text_as_it_streams(ada: Person) -> None:
    async with open_page(ada) as page:
        for name in ("reasoning-in-the-middle", "tags-in-the-middle", "blanks-before-tags"):
            page.events.clear()
            await page.ask("Hi", models=[name])
            assert add_up_items(page.list_data("response:completion")) == [("reasoning", "Hm"), ("message", "Hello")]
