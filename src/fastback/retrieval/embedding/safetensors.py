"""Weights in the safetensors format, mapped into memory: what a process does not touch costs nothing.

The package `safetensors` copies each tensor that numpy gets: all-MiniLM-L6-v2 takes 89 MB of the process then, where
the mapped file takes one, and its pages are the kernel's to drop. Importing it would cost as much as this module.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]

_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


class _Tensor(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def load(path: Path) -> Mapping[str, Array]:
    """The tensors of a file by name, as 32-bit floats where they are floats.

    Raises:
        ValueError: it is not such a file.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    size = int.from_bytes(content[:8], "little")
    if size > len(content) - 8:
        raise ValueError(f"{path.name} is cut off")
    header: dict[str, Any] = msgspec.json.decode(content[8 : 8 + size])
    header.pop("__metadata__", None)
    return {name: _tensor(content, 8 + size, msgspec.convert(described, _Tensor)) for name, described in header.items()}


def _tensor(content: mmap.mmap, base: int, described: _Tensor) -> Array:
    start, end = described.data_offsets
    if described.dtype == "BF16":  # the upper half of a 32-bit float
        halves = np.frombuffer(content, "<u2", (end - start) // 2, base + start)
        return (halves.astype(np.uint32) << 16).view(np.float32).reshape(described.shape)
    kind = np.dtype(_KINDS[described.dtype])
    values: Array = np.frombuffer(content, kind, (end - start) // kind.itemsize, base + start).reshape(described.shape)
    return values.astype(np.float32) if kind.kind == "f" and kind.itemsize != 4 else values
