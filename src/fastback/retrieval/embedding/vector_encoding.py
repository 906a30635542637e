"""Vectors as engines send them, and as they are kept."""

from __future__ import annotations

import array
import asyncio
import base64
import binascii
import sys
from collections.abc import Sequence
from time import perf_counter

import msgspec

from fastback.retrieval.interfaces import Vector

_numbers = msgspec.json.Decoder(list[float]).decode
_text = msgspec.json.Decoder(str).decode
#: How long vectors are read before others have their turn (seconds).
_TURN = 0.004


def packed(numbers: Sequence[float]) -> Vector:
    """Numbers as 32-bit floats, little-endian."""
    made = array.array("f", numbers)
    if sys.byteorder == "big":
        made.byteswap()
    return made.tobytes()


def unpacked(vector: Vector) -> list[float]:
    made = array.array("f", vector)
    if sys.byteorder == "big":
        made.byteswap()
    return made.tolist()


async def read(found: Sequence[msgspec.Raw]) -> list[Vector]:
    """Vectors of JSON: lists of numbers, or their bytes in base64; with pauses, as there may be a million numbers.

    Raises:
        ValueError: they are neither, or without numbers.
    """
    made: list[Vector] = []
    since = perf_counter()
    for one in found:
        if bytes(memoryview(one)[:1]) == b'"':
            try:
                made.append(base64.b64decode(_text(one), validate=True))
            except binascii.Error as error:
                raise ValueError(str(error)) from error
        else:
            made.append(packed(_numbers(one)))
        if not made[-1] or len(made[-1]) % 4:
            raise ValueError("a vector is no row of 32-bit floats")
        if perf_counter() - since > _TURN:
            await asyncio.sleep(0)
            since = perf_counter()
    return made
