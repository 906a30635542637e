"""Voice avatars: VRM files with a skeleton and a texture, VRMA files with an animation."""

from __future__ import annotations

import copy
import json
import struct
from typing import Any

BONES = ("hips", "spine", "head", "leftUpperArm", "rightUpperArm", "leftLowerArm", "rightLowerArm")


def pack(model: Any, content: bytes) -> bytes:
    """Return a binary glTF file."""
    text = json.dumps(model).encode()
    text += b" " * (-len(text) % 4)
    content += bytes(-len(content) % 4)
    size = 28 + len(text) + len(content)
    chunks = struct.pack("<2I", len(content), 0x004E4942) + content
    return struct.pack("<5I", 0x46546C67, 2, size, len(text), 0x4E4F534A) + text + chunks


def make_png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG file."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height) + bytes(20)


def make_avatar(texture: bytes = make_png(512, 512), **changes: Any) -> bytes:
    """Return a VRM file; `changes` replace parts of its JSON."""
    bones = {name: {"node": index} for index, name in enumerate(BONES)}
    model = {
        "asset": {"version": "2.0"},
        "extensions": {"VRMC_vrm": {"specVersion": "1.0", "humanoid": {"humanBones": bones}}},
        "nodes": [{"name": name} for name in BONES],
        "buffers": [{"byteLength": len(texture)}],
        "bufferViews": [{"buffer": 0, "byteLength": len(texture)}],
        "images": [{"mimeType": "image/png", "bufferView": 0}],
        **changes,
    }
    return pack(model, texture)


_ANIMATION = {
    "extensions": {"VRMC_vrm_animation": {"specVersion": "1.0", "humanoid": {"humanBones": {"hips": {"node": 0}}}}},
    "nodes": [{"name": "hips", "children": [1]}, {"name": "spine"}],
    "scenes": [{"nodes": [0]}],
    "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 3, "type": "SCALAR"},
        {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC4"},
    ],
    "animations": [
        {
            "channels": [{"sampler": 0, "target": {"node": 0, "path": "rotation"}}],
            "samplers": [{"input": 0, "output": 1}],
        }
    ],
}


def make_animation(times: tuple[float, ...] = (0.0, 0.5, 1.0), **changes: Any) -> bytes:
    """Return a VRMA file with three keyframes; `changes` replace parts of its JSON."""
    content = struct.pack("<3f", *times) + struct.pack("<12f", *([0.0, 0.0, 0.0, 1.0] * 3))
    model = copy.deepcopy(_ANIMATION)
    model["buffers"] = [{"byteLength": len(content)}]
    model["bufferViews"] = [{"byteLength": 12}, {"byteOffset": 12, "byteLength": 48}]
    return pack({**model, **changes}, content)
