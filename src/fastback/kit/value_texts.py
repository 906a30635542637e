"""Values as texts that models read: lists and objects become JSON, pictures in them go beside it, the rest is cut.

A large value is converted in steps, between which other work has its turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any

import msgspec

from fastback.kit.pacing import let_others_run
from fastback.kit.sliced_json import Encode, encode_slices

#: Characters of a text that a model reads, and of the beginning of a longer one, with place for a line behind it.
MAX_CHARACTERS, _KEPT = 2_000_000, 1_999_900
_IMAGE_URL = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=\s]+", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*", re.ASCII)
#: Characters at both ends of a long picture that are looked at.
_CHECKED = 4096
_MAX_DEPTH = 40
#: Members of a list that are looked at in one step.
_GROUP_SIZE = 4096

#: A conversion under way: its steps, and the text at its end.
Steps = Generator[None, None, str]


def cut_text(text: str, size: int | None = None) -> str:
    """Return a text with at most `MAX_CHARACTERS`, and a line that says how many were cut off.

    `size` is the number of its characters, where `text` is only its beginning.
    """
    size = len(text) if size is None else size
    if size <= MAX_CHARACTERS:
        return text
    return f"{text[:_KEPT]}\n[{size - _KEPT} more characters were cut off]"


def encode_leniently(value: Any) -> bytes:
    """Return a value as JSON; what JSON cannot hold becomes its `str`."""
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


def convert_value(value: Any, files: list[dict[str, Any]], encode: Encode = encode_leniently) -> Steps:
    """Convert a list or an object; pictures and other `data:` URLs in it are added to `files`.

    `encode` encodes its parts.
    """
    if isinstance(value, list):
        value = {"results": (yield from _take_data_urls(value, files))}
    parts: list[str] = []
    size = 0
    for part in encode_slices(value, encode, indent=2, convert=lambda part: _take_images(part, files)):
        parts.append(part.decode())
        size += len(parts[-1])
        if size > MAX_CHARACTERS:
            return f"{''.join(parts)[:_KEPT]}\n[The rest was cut off]"
        yield
    return "".join(parts)


def run_steps(steps: Steps) -> str:
    """Run a conversion to its end, and return the text."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return str(end.value)


async def run_steps_between_others(steps: Steps) -> str:
    """Run a conversion to its end, and return the text; the event loop runs between its steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return str(end.value)
        await let_others_run()


def _take_data_urls(values: list[Any], files: list[dict[str, Any]]) -> Generator[None, None, list[Any]]:
    """Return the list without the data URLs in it that are no images; they are added to the files."""
    remaining: list[Any] = []
    for start in range(0, len(values), _GROUP_SIZE):
        for value in values[start : start + _GROUP_SIZE]:
            if isinstance(value, str) and value.startswith("data:") and not value.startswith("data:image/"):
                files.append({"type": "data", "content": value})
            else:
                remaining.append(value)
        yield
    return remaining


def _take_images(value: Any, files: list[dict[str, Any]], depth: int = 0) -> Any:
    """Return the value with `[image]` in the place of each image in it; the images are added to the files."""
    if isinstance(value, str):
        if value.startswith("data:image/") and _is_image(value):
            files.append({"type": "image", "url": value})
            return "[image]"
        return value
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {key: _take_images(part, files, depth + 1) for key, part in value.items()}
    if depth < _MAX_DEPTH and isinstance(value, list):
        return [_take_images(part, files, depth + 1) for part in value]
    return value


def _is_image(url: str) -> bool:
    if len(url) <= 2 * _CHECKED:
        return _IMAGE_URL.fullmatch(url) is not None
    return _IMAGE_URL.fullmatch(url[:_CHECKED]) is not None and _BASE64.fullmatch(url[-_CHECKED:]) is not None
