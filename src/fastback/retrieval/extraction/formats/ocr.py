"""Read the text in images of a PDF with RapidOCR, where it is installed (the extra `ocr`)."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

log = logging.getLogger("fastback.extraction")

#: The shortest side of an image that is read, in pixels: smaller ones are lines, dots and icons.
_MIN_SIDE = 24
#: The largest image that is read, in pixels.
_MAX_PIXELS = 64_000_000
#: Images of a page that are read.
_MAX_IMAGES = 100


@functools.cache
def _load_engine(params: str) -> Any:
    """Return RapidOCR, or None where it is not installed. Loading takes seconds, so the result is cached."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    import msgspec

    return RapidOCR(params=msgspec.json.decode(params) if params else None)


def _read_pixels(image: Any) -> Any:
    """Return an image as an array of shape (height, width, 3); None where it is too small or too large to be read."""
    width, height = image.get_px_size()
    if min(width, height) < _MIN_SIDE or width * height > _MAX_PIXELS:
        return None
    pixels = image.get_bitmap(render=False).to_numpy()
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return pixels.reshape(height, width, 1).repeat(3, axis=2)
    return pixels[:, :, :3]


def _list_images(page: Any) -> Iterator[Any]:
    for number, image in enumerate(page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,))):
        if number == _MAX_IMAGES:
            return
        yield image


def read_image_text(page: Any, params: str) -> str:
    """Return the text in the images of a page, each from a new line; empty where RapidOCR is not installed."""
    engine = _load_engine(params)
    if engine is None:
        return ""
    texts: list[str] = []
    for image in _list_images(page):
        try:
            pixels = _read_pixels(image)
            result = engine(pixels) if pixels is not None else None
        except (pdfium.PdfiumError, ValueError, RuntimeError) as error:
            log.warning("reading an image in a PDF failed, skipped: %s", error)
            continue
        if result is not None and result.txts:
            texts.append("\n".join(result.txts).strip())
    return "\n".join(text for text in texts if text)
