"""Text in the pictures of a PDF, by RapidOCR where it is installed (the extra `ocr`)."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium
from pypdfium2 import raw

log = logging.getLogger("fastback.extraction")

#: Pictures smaller than this hold no words: lines, dots, icons. In points of the picture.
_LEAST = 24
#: Points of the largest picture that is read.
_MOST = 64_000_000
#: Pictures of a page that are read.
_COUNT = 100


@functools.cache
def _engine(params: str) -> Any:
    """RapidOCR, or None where it is not installed. It takes seconds to start, and stays."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    import msgspec

    return RapidOCR(params=msgspec.json.decode(params) if params else None)


def _pixels(picture: Any) -> Any:
    """A picture as rows of points of three colours; None for what is not worth reading."""
    width, height = picture.get_px_size()
    if min(width, height) < _LEAST or width * height > _MOST:
        return None
    points = picture.get_bitmap(render=False).to_numpy()
    if points.ndim == 2 or points.shape[2] == 1:
        return points.reshape(height, width, 1).repeat(3, axis=2)
    return points[:, :, :3]


def _pictures(page: Any) -> Iterator[Any]:
    for number, one in enumerate(page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,))):
        if number == _COUNT:
            return
        yield one


def text_of(page: Any, params: str) -> str:
    """What the pictures of a page say, a line each; empty where nobody can read them."""
    engine = _engine(params)
    if engine is None:
        return ""
    found: list[str] = []
    for picture in _pictures(page):
        try:
            pixels = _pixels(picture)
            read = engine(pixels) if pixels is not None else None
        except (pdfium.PdfiumError, ValueError, RuntimeError) as error:
            log.warning("a picture in a PDF cannot be read: %s", error)
            continue
        if read is not None and read.txts:
            found.append("\n".join(read.txts).strip())
    return "\n".join(one for one in found if one)
