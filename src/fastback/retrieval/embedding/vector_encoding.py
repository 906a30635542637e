"""Vectors as engines send them, and as stores keep them."""

from __future__ import annotations

import array
import base64
import binascii
import sys
from collections.abc import Sequence
from time import perf_counter

import msgspec

from fastback.kit.pacing import let_others_run
from fastback.retrieval.interfaces import Vector

_decode_numbers = msgspec.json.Decoder(list[float]).decode
_decode_text = msgspec.json.Decoder(str).decode
#: Seconds of decoding between two yields to the event loop.
_YIELD_SECONDS = 0.004


def pack_vector(numbers: Sequence[float]) -> Vector:
    """Return numbers as packed 32-bit floats, little-endian."""
    floats = array.array("f", numbers)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tobytes()


def unpack_vector(vector: Vector) -> list[float]:
    """Return the numbers of a vector."""
    floats = array.array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()


async def read_vectors(encoded_vectors: Sequence[msgspec.Raw]) -> list[Vector]:
    """Decode vectors from JSON, lists of numbers or base64, with yields: there may be a million numbers.

    Raises:
        ValueError: a vector is neither, or is empty.
    """
    vectors: list[Vector] = []
    since = perf_counter()
    for encoded in encoded_vectors:
        if bytes(memoryview(encoded)[:1]) == b'"':
            try:
                vectors.append(base64.b64decode(_decode_text(encoded), validate=True))
            except binascii.Error as error:
                raise ValueError(str(error)) from error
        else:
            vectors.append(pack_vector(_decode_numbers(encoded)))
        if not vectors[-1] or len(vectors[-1]) % 4:
            raise ValueError("a vector is no row of 32-bit floats")
        if perf_counter() - since > _YIELD_SECONDS:
            await let_others_run()
            since = perf_counter()
    return vectors
