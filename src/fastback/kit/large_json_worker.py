"""The process that finds the members of large JSON objects.

A job is `{"path": of a file, "members": [name, …]}`. Its result has one entry for the object in the file, and one for
each object along the path of names: `{name: [start, end]}`, as positions in the file.
"""

from __future__ import annotations

import mmap
import re
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAME = re.compile(rb'[\s{,]*"((?:[^"\\]|\\.)*)"\s*:\s*', re.DOTALL)


def handle(job: dict[str, Any]) -> list[dict[str, tuple[int, int]]]:
    """Return the spans of the members."""
    with (
        open(job["path"], "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
    ):
        return _list_levels(view, job["members"])


def _list_levels(view: memoryview, path: list[str]) -> list[dict[str, tuple[int, int]]]:
    levels: list[dict[str, tuple[int, int]]] = []
    start, end = 0, len(view)
    for name in (None, *path):
        if name is not None:
            if name not in levels[-1]:
                break
            start, end = levels[-1][name]
        try:
            levels.append(_locate_members(view, start, end))
        except msgspec.DecodeError:
            break
    return levels


def _locate_members(view: memoryview, start: int, end: int) -> dict[str, tuple[int, int]]:
    """Return the spans of an object's members. The decoder says how long each value is; so no value is read again."""
    with view[start:end] as part:
        lengths = {name: len(memoryview(raw)) for name, raw in _decoder.decode(part).items()}
    spans: dict[str, tuple[int, int]] = {}
    position = start
    for _ in lengths:
        match = _NAME.match(view, position)
        if match is None:
            raise msgspec.DecodeError("a member without a name")
        name = msgspec.json.decode(b'"' + match[1] + b'"', type=str)
        position = match.end() + lengths[name]
        if name in spans:
            raise msgspec.DecodeError("a name is repeated")
        spans[name] = (match.end(), position)
        del match
    return spans
