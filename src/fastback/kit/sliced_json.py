"""Large values encoded as JSON in slices: encoding a long text, or many values, is one call, which holds the loop.

Small parts of a value are encoded as a whole; what is larger is taken apart: long texts, lists and objects. Making
slices takes longer than one call of the encoder, but no step of it takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec

from fastback.kit.pacing import let_others_run

#: What one call encodes: values, and characters of texts, of which so many count as one value.
_MAX_WEIGHT, _CHARACTERS = 4096, 64
#: Characters of a text, or bytes of encoded JSON, that one call encodes.
_SLICE_SIZE = 128 * 1024
#: Bytes that small parts are gathered to: making them takes much longer than encoding a text of their size.
_GATHERED_SIZE = 32 * 1024
#: Members of a list or object that are looked at together.
_GROUP_SIZE = 128

Encode = Callable[[Any], bytes]
Convert = Callable[[Any], Any]


class SmallList(list[Any]):
    """A list that takes less than a millisecond to encode: `is_large_value` does not look into it.

    It is not changed any more, so that it is encoded once.
    """

    @cached_property
    def encoded(self) -> msgspec.Raw:
        """The list as JSON."""
        return msgspec.Raw(msgspec.json.encode(self))


def is_large_value(value: Any) -> bool:
    """Return whether encoding a value at once would take milliseconds: it has long texts, or many values.

    What this costs is bounded, whatever the value holds.
    """
    return _weigh(value) > _MAX_WEIGHT


def _weigh(value: Any) -> int:
    """Return the number of values in a value, with that of its texts' characters; not all of a large one is counted."""
    weight = characters = 0
    pending = [(value,)]
    while pending:
        members: Any = pending.pop()
        weight += len(members)
        if weight + characters // _CHARACTERS > _MAX_WEIGHT:
            break
        if type(members) is dict:
            try:
                characters += sum(map(len, members))
            except TypeError:  # a name that is no text
                characters += sum(len(name) for name in members if isinstance(name, str))
            members = members.values()
        for member in members:
            kind = type(member)
            if kind is str:
                characters += len(member)
            elif kind is dict or kind is list or kind is tuple:
                pending.append(member)
            elif kind is msgspec.Raw:
                characters += len(memoryview(member))
    return weight + characters // _CHARACTERS


def encode_slices(
    value: Any, encode: Encode = msgspec.json.encode, *, indent: int = 0, convert: Convert | None = None
) -> Iterator[bytes]:
    """Yield the JSON of a value in slices; `encode` encodes what is small.

    `indent` is the width of one level. `convert` returns what takes the place of a small part, or of a long text.
    """
    slicer = _Slicer(encode, indent, convert)
    if not is_large_value(value):
        yield slicer.encode(value)
        return
    gathered: list[bytes] = []
    size = 0
    for part in slicer.iterate(value, 0):
        gathered.append(part)
        size += len(part)
        if size >= _GATHERED_SIZE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


async def encode_in_slices(value: Any) -> list[bytes]:
    """Return the JSON of a value in slices, between which the event loop runs."""
    slices: list[bytes] = []
    for part in encode_slices(value):
        slices.append(part)
        await let_others_run()
    return slices


class _Slicer:
    """Take values apart until their parts are small."""

    def __init__(self, encode: Encode, indent: int, convert: Convert | None) -> None:
        self._encode = encode
        self._indent = indent
        self._convert = convert

    def encode(self, value: Any) -> bytes:
        """Return the JSON of a value as a whole."""
        content = self._encode(value if self._convert is None else self._convert(value))
        return msgspec.json.format(content, indent=self._indent) if self._indent else content

    def iterate(self, value: Any, level: int) -> Iterator[bytes]:
        """Yield the JSON of a large value."""
        if isinstance(value, str):
            value = value if self._convert is None else self._convert(value)
            yield b'"'
            for start in range(0, len(value), _SLICE_SIZE):
                yield self._encode(value[start : start + _SLICE_SIZE])[1:-1]
            yield b'"'
        elif isinstance(value, msgspec.Raw):
            view = memoryview(value)
            for start in range(0, len(view), _SLICE_SIZE):
                yield bytes(view[start : start + _SLICE_SIZE])
        elif isinstance(value, dict):
            yield from self._iterate_object(value, level)
        elif isinstance(value, (list, tuple)):
            yield from self._iterate_list(value, level)
        else:
            yield self.encode(value)

    def _iterate_list(self, value: Any, level: int) -> Iterator[bytes]:
        mark = b"["
        for start in range(0, len(value), _GROUP_SIZE):
            group = list(value[start : start + _GROUP_SIZE])
            if not is_large_value(group):
                yield mark + self._encode_inside(group, level)
                mark = b","
                continue
            for item in group:
                yield mark + self._start_line(level + 1)
                yield from self._iterate_member(item, level + 1)
                mark = b","
        yield self._start_line(level) + b"]"

    def _iterate_object(self, value: dict[Any, Any], level: int) -> Iterator[bytes]:
        mark = b"{"
        members = iter(value.items())
        while group := dict(islice(members, _GROUP_SIZE)):
            if not is_large_value(group):
                yield mark + self._encode_inside(group, level)
                mark = b","
                continue
            for name, item in group.items():
                yield mark + self._start_line(level + 1) + self._encode(str(name)) + (b": " if self._indent else b":")
                yield from self._iterate_member(item, level + 1)
                mark = b","
        yield self._start_line(level) + b"}"

    def _iterate_member(self, value: Any, level: int) -> Iterator[bytes]:
        if is_large_value(value):
            yield from self.iterate(value, level)
        else:
            yield self._shift(self.encode(value), level)

    def _encode_inside(self, group: Any, level: int) -> bytes:
        """Return the members of a group without the brackets around them."""
        content = self.encode(group)
        return self._shift(content[1:-2], level) if self._indent else content[1:-1]

    def _start_line(self, level: int) -> bytes:
        return b"\n" + b" " * (self._indent * level) if self._indent else b""

    def _shift(self, content: bytes, level: int) -> bytes:
        """Indent all lines but the first: line ends inside of texts are escaped."""
        return content.replace(b"\n", self._start_line(level)) if self._indent and level else content


def clear_long_texts(value: Any) -> Any:
    """Return a value with empty texts in the place of long ones."""
    if isinstance(value, str):
        return "" if len(value) > _SLICE_SIZE else value
    if isinstance(value, dict):
        return {name: clear_long_texts(member) for name, member in value.items()}
    return [clear_long_texts(member) for member in value] if isinstance(value, list) else value


def has_long_text(value: Any) -> bool:
    """Return whether a value has a text that is encoded in slices."""
    if isinstance(value, str):
        return len(value) > _SLICE_SIZE
    if isinstance(value, dict):
        return any(map(has_long_text, value.values()))
    return isinstance(value, list) and any(map(has_long_text, value))
