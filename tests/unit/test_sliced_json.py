"""JSON in slices: the same as in one call, whatever it is made of, and no slice takes long."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest

from fastback.kit.sliced_json import encode_slices, is_large_value
from fastback.kit.storable_text import encode_storable

ROW = {"number": 1, "text": 'a "b"\n\\ü😀', "more": [1, {"a": None, "": []}, {}], "flag": True}
VALUES: dict[str, Any] = {
    "nothing": None,
    "empty": {"list": [], "object": {}, "text": ""},
    "row": ROW,
    "long text": 'a "b"\n\\ü😀' * 100_000,
    "long text in a list": [1, [{"text": "x\n" * 300_000}], ""],
    "numbers": list(range(20_000)),
    "rows": {"rows": [ROW] * 5000, "count": 5000},
    "object": {f"name {number}": number for number in range(20_000)},
    "objects": {f"name {number}": ROW for number in range(5000)},
    "nested": [[[[ROW] * 3000, []], {}, {"a": {"b": [ROW] * 3000}}]],
    "long names": {"n" * 400_000: 1, "m": 2},
    "empty ones": [[], {}] * 5000,
    "tuples": (1, (2, [ROW] * 3000)),
}


@pytest.mark.parametrize("name", VALUES)
def test_slices_make_up_the_value(name: str) -> None:
    value = VALUES[name]
    compact = b"".join(encode_slices(value))
    assert compact == msgspec.json.encode(value)
    indented = b"".join(encode_slices(value, indent=2))
    assert indented == msgspec.json.format(compact, indent=2)
    assert json.loads(indented) == json.loads(compact)


def test_what_is_encoded_already_stays_as_it_is() -> None:
    raw = msgspec.Raw(b'{"a": [' + b"1, " * 200_000 + b"2]}")
    assert b"".join(encode_slices({"x": raw, "y": 1})) == b'{"x":' + bytes(raw) + b',"y":1}'
    assert not is_large_value(msgspec.Raw(b"{}"))


def test_characters_that_cannot_be_stored_are_left_out() -> None:
    value = {"text": "a\0b\ud800" * 100_000}
    assert json.loads(b"".join(encode_slices(value, encode_storable))) == {"text": "ab" * 100_000}


@pytest.mark.parametrize("indent", [0, 2])
def test_no_slice_takes_long(indent: int) -> None:
    value: dict[str, Any] = {"rows": [ROW] * 200_000, "text": "x" * 20_000_000, "deep": [[[]]] * 500_000}
    value["numbers"] = list(range(1_000_000))
    slices = encode_slices(value, indent=indent)
    slowest = 0.0
    while True:
        started = time.thread_time()
        part = next(slices, None)
        slowest = max(slowest, time.thread_time() - started)
        if part is None:
            break
    assert slowest < 0.01
    started = time.thread_time()
    assert is_large_value(value) and is_large_value(list(value.values())) and not is_large_value(ROW)
    assert time.thread_time() - started < 0.01
