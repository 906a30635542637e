"""Avatars of voice calls: VRM files with a skeleton and embedded textures, small enough for a browser."""

from __future__ import annotations

import json
import struct
from typing import Any

from fastback.media.speech.binary_gltf import BinaryGltf, locate_view, read_binary_gltf
from fastback.media.speech.texture_sizes import read_texture_size

MAX_BYTES = 25 * 1024 * 1024
_MAX_NODES, _MAX_IMAGES, _MAX_ELEMENTS = 512, 32, 5_000_000
_MAX_TEXTURE_SIDE, _MAX_PIXELS = 4096, 32 * 1024 * 1024
_BONES = ("hips", "spine", "head", "leftUpperArm", "rightUpperArm", "leftLowerArm", "rightLowerArm")
_IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")


def check_avatar(data: bytes) -> None:
    """Raise ValueError, with a text for the user, if the data are not such a file."""
    if len(data) > MAX_BYTES:
        raise ValueError("Avatar must be at most 25 MiB.")
    try:
        gltf = read_binary_gltf(data, kind="VRM", subject="avatar")
        _check_skeleton(gltf)
        _check_size(gltf)
        _check_textures(gltf)
    except (
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        struct.error,
        UnicodeError,
        json.JSONDecodeError,
    ) as error:
        raise ValueError("Invalid VRM file.") from error


def _check_skeleton(gltf: BinaryGltf) -> None:
    extensions = gltf.model.get("extensions", {})
    vrm = extensions.get("VRMC_vrm") or extensions.get("VRM") or {}
    bones: Any = vrm.get("humanoid", {}).get("humanBones", {})
    if isinstance(bones, list):  # VRM 0
        bones = {bone["bone"]: bone for bone in bones}
    node_count = len(gltf.list("nodes"))
    for name in _BONES:
        node = bones.get(name, {}).get("node")
        if not isinstance(node, int) or not 0 <= node < node_count:
            raise ValueError(f"Avatar is missing its {name} bone. Upload a rigged VRM file.")


def _check_size(gltf: BinaryGltf) -> None:
    buffers = gltf.list("buffers")
    if len(buffers) != 1 or buffers[0].get("uri") or not 0 <= buffers[0]["byteLength"] <= len(gltf.content):
        raise ValueError("Embed all buffers in the VRM file.")
    elements = sum(accessor.get("count", 0) for accessor in gltf.list("accessors"))
    too_many = len(gltf.list("nodes")) > _MAX_NODES or len(gltf.list("images")) > _MAX_IMAGES
    if too_many or elements > _MAX_ELEMENTS:
        raise ValueError("This avatar is too complex for a voice call. Use a lighter export.")


def _check_textures(gltf: BinaryGltf) -> None:
    pixels = 0
    views = gltf.list("bufferViews")
    for image in gltf.list("images"):
        if image.get("uri") or image.get("mimeType") not in _IMAGE_TYPES:
            raise ValueError("Embed PNG, JPEG or WebP textures in the VRM file.")
        location = locate_view(views[image["bufferView"]], len(gltf.content))
        if location is None:
            raise ValueError("Invalid embedded avatar texture.")
        offset, length = location
        try:
            width, height = read_texture_size(gltf.content[offset : offset + length])
        except (ValueError, IndexError, struct.error):
            raise ValueError("Invalid embedded avatar texture.") from None
        pixels += width * height
        if max(width, height) > _MAX_TEXTURE_SIDE or pixels > _MAX_PIXELS:
            raise ValueError("Avatar textures are too large. Export at 2048px or below.")
