"""Width and height of PNG, JPEG and WebP images, from their heads."""

from __future__ import annotations

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
#: Markers of JPEG without a length, and markers of frames, which begin with the size of the image.
_BARE_MARKERS = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_texture_size(image: memoryview) -> tuple[int, int]:
    """Return width and height.

    Raises:
        ValueError, struct.error, IndexError: it is not such an image, or it is damaged.
    """
    head = bytes(image[:30])
    if head.startswith(_PNG) and head[12:16] == b"IHDR":
        return struct.unpack_from(">II", head, 16)
    if head.startswith(b"\xff\xd8"):
        return _read_jpeg_size(image)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _read_webp_size(head)
    raise ValueError("unknown format")


def _read_jpeg_size(image: memoryview) -> tuple[int, int]:
    position = 2
    while True:
        if image[position] != 0xFF:
            raise ValueError("damaged JPEG")
        marker = image[position + 1]
        if marker == 0xFF:  # a filling byte
            position += 1
        elif marker in _BARE_MARKERS:
            position += 2
        elif marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", image, position + 5)
            return width, height
        else:
            position += 2 + struct.unpack_from(">H", image, position + 2)[0]


def _read_webp_size(head: bytes) -> tuple[int, int]:
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("unknown WebP")
