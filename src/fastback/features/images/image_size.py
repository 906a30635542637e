"""Sizes of images: `1024x1536`, or what only the engine understands, such as `auto`."""

from __future__ import annotations

import re

from fastback import messages
from fastback.kit.http import BadRequest

DEFAULT_SIZE = "512x512"
_SIZE = re.compile(r"\s*(\d{1,5})\s*x\s*(\d{1,5})\s*", re.ASCII)


def parse_size(size: str) -> tuple[int, int]:
    """Return width and height.

    Raises:
        BadRequest: the size is invalid.
    """
    match = _SIZE.fullmatch(size)
    if match is None:
        raise BadRequest(messages.incorrect_format("  (e.g., 512x512)."))
    return int(match[1]), int(match[2])


def choose_size(*sizes: str | None) -> str | None:
    """Return the first size in pixels; None without one."""
    return next((size for size in sizes if size and "x" in size), None)
