"""Pictures: bytes with their media type, and the forms in which engines return them."""

from __future__ import annotations

import mimetypes
from typing import Any

import msgspec

from fastback.kit.base64_slices import decode_base64, encode_base64

#: Bytes of one picture: the largest that OpenAI takes.
MAX_PICTURE_BYTES = 50 * 1024 * 1024

#: Characters in which a `data:…,` ends.
_MAX_HEAD = 1024

#: First bytes of the formats, each at its position in the file.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
)
#: Extensions that the system does not know, or knows several of.
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/mpo": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/avif": ".avif",
}


class InvalidPicture(ValueError):
    """The data are no picture, or too large."""


class Picture(msgspec.Struct, frozen=True):
    """A picture in memory."""

    content: bytes
    media_type: str


class EncodedPicture(msgspec.Struct, frozen=True):
    """A picture in base64, with or without `data:…,` before it."""

    text: str


class RemotePicture(msgspec.Struct, frozen=True):
    """A picture at an address. An address on the server at `engine_url` is trusted, and is sent `headers`."""

    url: str
    engine_url: str
    headers: dict[str, str] = {}


PictureSource = EncodedPicture | RemotePicture


class EngineResult(msgspec.Struct, frozen=True):
    """What an engine has returned, and what the files of its pictures keep of the request."""

    pictures: list[PictureSource]
    details: dict[str, Any]


def detect_media_type(content: bytes) -> str | None:
    """Return the media type of a picture by its first bytes; None where they are those of no known format."""
    for position, signature, media_type in _SIGNATURES:
        if content[position : position + len(signature)] == signature:
            return media_type
    return None


def build_picture(content: bytes, declared_type: str) -> Picture:
    """Return the picture that the bytes are; its media type is detected, or else the declared one.

    Raises:
        InvalidPicture: the bytes are no picture, or too many.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise InvalidPicture(f"the picture has more than {MAX_PICTURE_BYTES} bytes")
    media_type = detect_media_type(content)
    if media_type is None:
        media_type = declared_type.partition(";")[0].strip().lower()
        if not content or not media_type.startswith("image/"):
            raise InvalidPicture("the data are no picture")
    return Picture(content, media_type)


async def decode_picture(text: str) -> Picture:
    """Return the picture in base64, which may have `data:…,` before it.

    Raises:
        InvalidPicture: it is no picture, or too large.
    """
    # Not split: a copy of megabytes holds the event loop.
    start = text.rfind(",", 0, _MAX_HEAD) + 1
    if len(text) - start > MAX_PICTURE_BYTES * 4 // 3 + 4:
        raise InvalidPicture(f"the picture has more than {MAX_PICTURE_BYTES} bytes")
    try:
        content = await decode_base64(text, start)
    except ValueError as error:
        raise InvalidPicture(f"invalid base64: {error}") from None
    return build_picture(content, text[: max(start - 1, 0)].removeprefix("data:"))


async def encode_picture(picture: Picture) -> str:
    """Return a picture in base64."""
    return await encode_base64(picture.content)


def get_extension(media_type: str) -> str:
    """Return the usual end of the name of a picture's file, with its dot."""
    return _EXTENSIONS.get(media_type) or mimetypes.guess_extension(media_type) or ".png"
