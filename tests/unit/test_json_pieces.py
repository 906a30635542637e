"""Large JSON is decoded in pieces: to the same values as at once, with turns of the event loop in between."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from itertools import pairwise
from typing import Any

import pytest

from fastback.kit import json_cuts
from fastback.kit.http.fragments import FragmentedBytes
from fastback.kit.json_cuts import InvalidJson, TooManyValues
from fastback.kit.json_decoding import decode_without_surrogates
from fastback.kit.json_pieces import decode_in_pieces, is_quick

TEXTS = ("", 'a"b', "\\", '\\\\"', "x,y]}[{", "é😀", "\\u", "\n\t/", "a" * 60)


def make_value(random_numbers: random.Random, depth: int) -> Any:
    choice = random_numbers.random()
    if depth <= 0 or choice < 0.35:
        return random_numbers.choice([1, -2.5e3, True, None, *TEXTS])
    size = random_numbers.randint(0, 5)
    if choice < 0.7:
        return [make_value(random_numbers, depth - 1) for _ in range(size)]
    return {f"{random_numbers.choice(TEXTS)}{number}": make_value(random_numbers, depth - 1) for number in range(size)}


def damage(random_numbers: random.Random, content: bytes) -> bytes:
    position = random_numbers.randrange(len(content))
    if random_numbers.random() < 0.4:
        return content[:position] + content[position + 1 :]
    inserted = random_numbers.choice([b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b" ", b"1"])
    return content[:position] + inserted + content[position:]


def cut(random_numbers: random.Random, content: bytes) -> FragmentedBytes:
    ends = sorted(random_numbers.choices(range(len(content) + 1), k=random_numbers.randint(0, 6)))
    return FragmentedBytes([content[start:end] for start, end in pairwise([0, *ends, len(content)])])


async def test_pieces_of_any_size_give_the_same_value(monkeypatch: pytest.MonkeyPatch) -> None:
    random_numbers = random.Random(1)
    for _ in range(800):
        monkeypatch.setattr(json_cuts, "PIECE_SIZE", random_numbers.choice([1, 2, 3, 5, 8, 13, 40, 200]))
        value = make_value(random_numbers, random_numbers.randint(0, 6))
        indent = random_numbers.choice([None, 1])
        content = json.dumps(value, ensure_ascii=random_numbers.random() < 0.5, indent=indent).encode()
        assert await decode_in_pieces(content) == value
        assert await decode_in_pieces(cut(random_numbers, content)) == value
        damaged = damage(random_numbers, content)
        try:
            expected = decode_without_surrogates(damaged)
        except ValueError:
            with pytest.raises(ValueError):
                await decode_in_pieces(damaged)
        else:
            assert await decode_in_pieces(damaged) == expected


async def test_long_strings_are_decoded_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    random_numbers = random.Random(2)
    monkeypatch.setattr(json_cuts, "MIN_TEXT_GAP", 100)
    characters = ["a", "é", "漢", "😀", "\\", '"', "\n", "\x01", "x,", "]", "\\u00"]
    for _ in range(400):
        monkeypatch.setattr(json_cuts, "PIECE_SIZE", random_numbers.choice([100, 128, 203, 400]))
        text = "".join(random_numbers.choices(characters, k=random_numbers.randint(0, 2000)))
        value = random_numbers.choice([text, [1, text, 2], {"a": {"b": text}, "c": text}, {text: text, "x": [text]}])
        content = json.dumps(value, ensure_ascii=random_numbers.random() < 0.5).encode()
        assert await decode_in_pieces(content) == value


async def test_invalid_long_strings_are_refused() -> None:
    for invalid in (b"\\x", b"\xff", b"\\u12g4", b"\n"):
        with pytest.raises(ValueError):
            await decode_in_pieces(b'{"a":"' + b"x" * 300_000 + invalid + b"x" * 300_000 + b'"}')
    halves = b'"' + b"x" * 300_000 + b"\\ud83d" + b"y" * 300_000 + b'"'
    assert await decode_in_pieces(halves) == "x" * 300_000 + "y" * 300_000
    nul = b'"' + b"x" * 300_000 + b"\\u0000" + b"y" * 300_000 + b'"'
    assert await decode_in_pieces(nul, without_nul=True) == "x" * 300_000 + "y" * 300_000


async def test_the_position_of_an_error_is_given() -> None:
    content = b'{"a":[' + b'{"b":"c,d"},' * 10_000 + b'{"b":?}]}'
    with pytest.raises(InvalidJson, match="Expecting value") as error:
        await decode_in_pieces(content)
    assert content[error.value.position :] == b"?}]}"
    for broken in (b"[1,2,", b"[1,2,]", b"[1,2],", b"[1,2],3", b"[,1]", b"[1,,2]", b'["a', b"[1}", b"]", b"", b"[1"):
        with pytest.raises(InvalidJson):
            await decode_in_pieces(broken)


async def test_blanks_are_skipped_outside_of_strings() -> None:
    blanks = b" \n" * 200_000
    content = blanks + b'{"a":' + blanks + b'["x' + b" " * 400_000 + b'",' + blanks + b"1]" + blanks + b"}" + blanks
    assert await decode_in_pieces(content) == {"a": ["x" + " " * 400_000, 1]}
    for invalid in (b'{"a":tr' + blanks + b"ue}", b"[1" + blanks + b"2]", blanks):
        with pytest.raises(InvalidJson):
            await decode_in_pieces(invalid)


async def test_halves_of_surrogate_pairs_are_left_out() -> None:
    assert await decode_in_pieces(b'["\\ud83d b",' + b'"c",' * 20_000 + b"1]") == [" b", *["c"] * 20_000, 1]


async def test_no_more_objects_are_made_than_memory_holds() -> None:
    with pytest.raises(TooManyValues):
        await decode_in_pieces(b"[" + b"[]," * 500_000 + b"1]")
    with pytest.raises(ValueError, match="too deep"):
        await decode_in_pieces(b"[" * 5000 + b"]" * 5000)
    assert len(await decode_in_pieces(b"[" + b"1," * 500_000 + b"1]")) == 500_001


def test_few_long_strings_are_quick() -> None:
    picture = json.dumps({"url": "data:image/png;base64," + "A" * 8_000_000}).encode()
    assert is_quick(picture) and is_quick(b"[" + b"[]," * 80_000 + b"1]")
    assert not is_quick(b"[" + b"1," * 200_000 + b"1]")


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":[' + b"0," * 1_500_000 + b"0]}",
        b'{"a":' + b" " * 100_000_000 + b"0}",
        b'{"a":[' + b'{"name":"some text, and more of it that is longer than this"},' * 40_000 + b"0]}",
    ],
)
async def test_the_event_loop_runs_between_pieces(content: bytes) -> None:
    slices: list[float] = []

    async def measure_slices() -> None:
        while True:
            started = time.thread_time()
            await asyncio.sleep(0)
            slices.append(time.thread_time() - started)

    gc.freeze()  # as the server does after its start: the garbage collector looks only at what the decoder makes
    measuring = asyncio.create_task(measure_slices())
    await asyncio.sleep(0)
    await decode_in_pieces(content)
    measuring.cancel()
    gc.unfreeze()
    assert max(slices) < sum(slices) / 5
