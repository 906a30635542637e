"""Fonts for PDFs that name East Asian fonts and do not contain them.

PDFium drops the text of a font for which it finds no glyphs: all vertical text, on a machine without East Asian fonts.
`fonts/cjk_boxes.ttf` (made by `scripts/make_stub_font.py`) has a box for every code point.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pypdfium2.raw as pdfium_c

_STUB_FONTS = Path(__file__).parents[1] / "fonts"
#: PDFium's own directories on Linux, which paths of ours replace.
_SYSTEM_FONTS = (
    "/usr/share/fonts",
    "/usr/share/X11/fonts/Type1",
    "/usr/share/X11/fonts/TTF",
    "/usr/local/share/fonts",
)
_POINTER = ctypes.POINTER(ctypes.c_char)


def _make_font_paths() -> ctypes.Array[ctypes._Pointer[ctypes.c_char]]:
    """Return the directories of fonts as an array of C strings that ends with a null pointer."""
    paths = [ctypes.create_string_buffer(os.fsencode(path)) for path in (*_SYSTEM_FONTS, _STUB_FONTS)]
    # One element more than paths: arrays are filled with null pointers.
    return (_POINTER * (len(paths) + 1))(*(ctypes.cast(path, _POINTER) for path in paths))


#: Stays allocated: PDFium keeps a pointer to it.
_FONT_PATHS = _make_font_paths()


def add_stub_fonts() -> None:
    """Initialize PDFium again, with the stub font; for a process in which no document is open."""
    pdfium_c.FPDF_DestroyLibrary()
    pdfium_c.FPDF_InitLibraryWithConfig(
        pdfium_c.FPDF_LIBRARY_CONFIG(version=2, m_pUserFontPaths=_FONT_PATHS, m_pIsolate=None, m_v8EmbedderSlot=0)
    )
