"""Answers of megabytes: their text is joined in parts, while it grows and at its end, so that others run."""

from __future__ import annotations

import asyncio

import pytest

from fastback.completions.answer_items import create_message
from fastback.completions.answer_output import AnswerOutput
from fastback.kit.fragment_lists import join_texts
from fastback.kit.memory_allocator import configure_allocator
from loop_holds import measure_holds

#: Milliseconds that the loop may be held; joining the text at once takes several times as long.
LIMIT = 20.0
FRAGMENT, COUNT = "some words\n" * 6000, 1000


@pytest.fixture(autouse=True)
def allocator() -> None:
    """Map large texts on their own, as the server does: otherwise one that grows is copied now and then."""
    configure_allocator()


async def test_the_text_of_a_long_answer_is_joined_and_stripped_in_parts() -> None:
    output = AnswerOutput()
    message = output._append(create_message())
    message.fragments = ["\n", " \n", *[FRAGMENT] * COUNT, "\n", " "]
    with measure_holds() as holds:
        await asyncio.sleep(0)  # what comes from here is measured
        await output.join_long_texts()  # a write of the answer while it grows
        await output.join_long_texts(strip=True)
        (item,) = output.build_output(strip=True)
        await asyncio.sleep(0)
    assert holds.callback < LIMIT, holds.slowest
    assert item["content"] == [{"type": "output_text", "text": (FRAGMENT * COUNT).strip()}]


async def test_text_that_comes_while_a_long_answer_is_joined_is_left_to_the_next_write() -> None:
    output = AnswerOutput()
    message = output._append(create_message())
    message.fragments = [FRAGMENT] * COUNT
    with measure_holds() as holds:
        joining = asyncio.create_task(output.join_long_texts())
        await asyncio.sleep(0)
        message.fragments.append("the end")
        await joining
        (item,) = output.build_output(is_partial=True)
        await asyncio.sleep(0)
    assert holds.callback < LIMIT, holds.slowest
    assert item["content"][0]["text"] == FRAGMENT * COUNT
    (item,) = output.build_output()
    assert item["content"][0]["text"] == FRAGMENT * COUNT + "the end"


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_texts_are_stripped_wherever_their_parts_end(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("fastback.kit.fragment_lists._TEXT_PART", size)
    for texts in (
        ["  ", " a  ", "", "\n b", "c \n", " "],
        [" ", "\n"],
        [],
        ["a", " ", " ", "b"],
        ["\u00e9 ", "\u4e16 "],
    ):
        assert await join_texts(texts, strip=True) == "".join(texts).strip()
        assert await join_texts(texts) == "".join(texts)
