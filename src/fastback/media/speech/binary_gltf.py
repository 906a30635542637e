"""Binary glTF files (`.glb`, `.vrm`, `.vrma`): a head, a chunk of JSON, a chunk of bytes (glTF 2.0, section 4)."""

from __future__ import annotations

import json
import struct
from typing import Any

_MAGIC, _VERSION, _JSON, _BINARY = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_HEAD = struct.Struct("<5I")
_CHUNK_HEAD = struct.Struct("<2I")
_MAX_JSON_BYTES = 2 * 1024 * 1024


class BinaryGltf:
    """The content of a file.

    Attributes:
        model: the JSON.
        content: the bytes to which the model's buffer views refer.
    """

    def __init__(self, model: dict[str, Any], content: memoryview) -> None:
        self.model = model
        self.content = content

    def list(self, name: str) -> list[Any]:
        """Return a list of the model, which may be missing.

        Raises:
            TypeError: it is not a list.
        """
        value = self.model.get(name, [])
        if not isinstance(value, list):
            raise TypeError(name)
        return value


def read_binary_gltf(data: bytes, *, kind: str, subject: str) -> BinaryGltf:
    """Return the content of a file; `kind` and `subject` name it in errors.

    Raises:
        ValueError: it has another format. struct.error, TypeError: it is too short, or its JSON is not an object.
    """
    magic, version, size, json_size, chunk_type = _HEAD.unpack_from(data)
    if (magic, version, size, chunk_type) != (_MAGIC, _VERSION, len(data), _JSON):
        raise ValueError(f"Upload a binary {kind} file.")
    content_start = _HEAD.size + json_size + _CHUNK_HEAD.size
    if json_size > _MAX_JSON_BYTES or content_start > len(data):
        raise ValueError(f"Invalid {subject} container.")
    model = json.loads(data[_HEAD.size : _HEAD.size + json_size])
    content_size, chunk_type = _CHUNK_HEAD.unpack_from(data, _HEAD.size + json_size)
    if chunk_type != _BINARY or content_start + content_size != len(data):
        raise ValueError(f"Invalid {subject} binary data.")
    if not isinstance(model, dict):
        raise TypeError("the JSON is not an object")
    return BinaryGltf(model, memoryview(data)[content_start:])


def locate_view(view: dict[str, Any], content_size: int) -> tuple[int, int] | None:
    """Return offset and length of a buffer view; None if it is not within the content."""
    offset, length = view.get("byteOffset", 0), view["byteLength"]
    if view.get("buffer", 0) != 0 or offset < 0 or length <= 0 or offset + length > content_size:
        return None
    return offset, length
