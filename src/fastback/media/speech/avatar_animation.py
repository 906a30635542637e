"""Animations of avatars: VRMA files with one baked animation of a skeleton, of a minute at most."""

from __future__ import annotations

import itertools
import json
import math
import struct
from collections.abc import Sequence
from typing import Any

from fastback.media.speech.binary_gltf import BinaryGltf, locate_view, read_binary_gltf

MAX_BYTES = 10 * 1024 * 1024
_MAX_NODES, _MAX_KEYFRAMES, _MAX_CHANNELS, _MAX_SECONDS = 512, 500_000, 256, 60
_EXTENSION = "VRMC_vrm_animation"
_FLOAT = 5126
_COMPONENTS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
#: Fields of a node's transform, and their numbers.
_TRANSFORMS = (("translation", 3), ("rotation", 4), ("scale", 3), ("matrix", 16))

Rows = list[tuple[float, ...]]


def check_animation(data: bytes) -> None:
    """Raise ValueError, with a text for the user, if the data are not such a file."""
    if len(data) > MAX_BYTES:
        raise ValueError("Animation must be at most 10 MiB.")
    try:
        gltf = read_binary_gltf(data, kind="VRMA", subject="animation")
        body_nodes = _check_skeleton(gltf)
        _check_nodes(gltf)
        _check_content(gltf)
        _check_animation(gltf, _read_keyframes(gltf), body_nodes)
    except (
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        OverflowError,
        struct.error,
        UnicodeError,
        json.JSONDecodeError,
    ) as error:
        raise ValueError("Invalid VRMA file.") from error


def _is_index(value: Any, items: Sequence[Any]) -> bool:
    return type(value) is int and 0 <= value < len(items)


def _check_skeleton(gltf: BinaryGltf) -> set[int]:
    """Return the nodes of the body."""
    extension = gltf.model.get("extensions", {}).get(_EXTENSION, {})
    bones = extension.get("humanoid", {}).get("humanBones", {})
    nodes = gltf.list("nodes")
    if extension.get("specVersion") not in (None, "1.0") or not bones or not 0 < len(nodes) <= _MAX_NODES:
        raise ValueError("Use a VRMA 1.0 humanoid animation.")
    if not all(_is_index(bone.get("node"), nodes) for bone in bones.values()):
        raise ValueError("Invalid animation bone.")
    return {bone["node"] for bone in bones.values()}


def _check_nodes(gltf: BinaryGltf) -> None:
    nodes = gltf.list("nodes")
    parents: dict[int, int] = {}
    for index, node in enumerate(nodes):
        for name, length in _TRANSFORMS:
            if name in node and not _is_transform(node[name], length):
                raise ValueError("Invalid animation transform.")
        for child in node.get("children", []):
            if not _is_index(child, nodes):
                raise ValueError("Invalid animation node hierarchy.")
            if child in parents:
                raise ValueError("Animation nodes must have a single parent.")
            parents[child] = index
    for start in range(len(nodes)):
        ancestor, steps = parents.get(start), 0
        while ancestor is not None:
            steps += 1
            if steps > len(nodes):
                raise ValueError("Invalid animation node hierarchy.")
            ancestor = parents.get(ancestor)
    for scene in gltf.list("scenes"):
        if not all(_is_index(node, nodes) for node in scene.get("nodes", [])):
            raise ValueError("Invalid animation scene.")


def _is_transform(values: Any, length: int) -> bool:
    return len(values) == length and all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def _check_content(gltf: BinaryGltf) -> None:
    size = len(gltf.content)
    buffers = gltf.list("buffers")
    if len(buffers) != 1 or "uri" in buffers[0] or not size - 3 <= buffers[0]["byteLength"] <= size:
        raise ValueError("Embed all animation data in the VRMA file.")
    if any(gltf.model.get(name) for name in ("images", "textures", "meshes", "skins")):
        raise ValueError("Export animation only, without meshes or textures.")
    if set(gltf.model.get("extensionsRequired", [])) - {_EXTENSION}:
        raise ValueError("Unsupported animation extension.")
    if any(locate_view(view, size) is None for view in gltf.list("bufferViews")):
        raise ValueError("Invalid animation buffer.")


def _read_keyframes(gltf: BinaryGltf) -> list[Rows]:
    """Return the values of each accessor."""
    accessors = gltf.list("accessors")
    if sum(accessor.get("count", 0) for accessor in accessors) > _MAX_KEYFRAMES:
        raise ValueError("Animation has too many keyframes.")
    return [_read_accessor(accessor, gltf) for accessor in accessors]


def _read_accessor(accessor: dict[str, Any], gltf: BinaryGltf) -> Rows:
    views = gltf.list("bufferViews")
    count, components = accessor["count"], _COMPONENTS.get(accessor["type"])
    is_plain = not accessor.get("sparse") and accessor["componentType"] == _FLOAT
    if not is_plain or not components or not 0 < count <= _MAX_KEYFRAMES:
        raise ValueError("Use float animation keyframes without sparse accessors.")
    if not _is_index(accessor["bufferView"], views):
        raise ValueError("Invalid animation reference.")
    view = views[accessor["bufferView"]]
    row_size = components * 4
    stride, offset = view.get("byteStride", row_size), accessor.get("byteOffset", 0)
    end = offset + (count - 1) * stride + row_size
    if stride < row_size or stride % 4 or offset < 0 or end > view["byteLength"]:
        raise ValueError("Invalid animation accessor.")
    start = view.get("byteOffset", 0) + offset
    row = struct.Struct(f"<{components}f")
    rows = [row.unpack_from(gltf.content, start + index * stride) for index in range(count)]
    if not all(math.isfinite(value) for values in rows for value in values):
        raise ValueError("Animation keyframes must be finite.")
    return rows


def _check_animation(gltf: BinaryGltf, keyframes: list[Rows], body_nodes: set[int]) -> None:
    animations = gltf.list("animations")
    channels = animations[0].get("channels") if len(animations) == 1 else None
    if not channels or len(channels) > _MAX_CHANNELS:
        raise ValueError("Export exactly one animation per VRMA file.")
    samplers, duration, moves_body = animations[0]["samplers"], 0.0, False
    for channel in channels:
        node, path = channel["target"]["node"], channel["target"]["path"]
        if not 0 <= node < len(gltf.list("nodes")) or path not in ("rotation", "translation"):
            raise ValueError("Unsupported animation channel.")
        moves_body = moves_body or node in body_nodes
        if not _is_index(channel["sampler"], samplers):
            raise ValueError("Invalid animation reference.")
        duration = max(duration, _check_sampler(samplers[channel["sampler"]], path, keyframes))
    if not moves_body or not 0 < duration <= _MAX_SECONDS:
        raise ValueError("Use a body animation between 0 and 60 seconds.")


def _check_sampler(sampler: dict[str, Any], path: str, keyframes: list[Rows]) -> float:
    """Return the time of the last keyframe."""
    if not _is_index(sampler["input"], keyframes) or not _is_index(sampler["output"], keyframes):
        raise ValueError("Invalid animation reference.")
    times, values = keyframes[sampler["input"]], keyframes[sampler["output"]]
    rises = all(later > earlier for (earlier, *_), (later, *_) in itertools.pairwise(times))
    if len(times[0]) != 1 or times[0][0] < 0 or not rises:
        raise ValueError("Invalid animation timing.")
    if sampler.get("interpolation", "LINEAR") not in ("LINEAR", "STEP"):
        raise ValueError("Export baked animation with linear or stepped keyframes.")
    if len(values) != len(times) or len(values[0]) != (4 if path == "rotation" else 3):
        raise ValueError("Invalid animation output.")
    duration: float = times[-1][0]
    return duration
