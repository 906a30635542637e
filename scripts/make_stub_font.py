"""Make the font that PDFium takes for East Asian fonts that a PDF names but does not contain.

Without such a font PDFium drops their text. The font has one glyph, an empty box, for every CJK code point: extraction
needs the widths of characters, and no shapes. Run it with fonttools installed:

    python scripts/make_stub_font.py
"""

from __future__ import annotations

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

FONT_FILE = Path(__file__).parents[1] / "src/fastback/retrieval/extraction/fonts/cjk_boxes.ttf"
#: First and last code point of the ranges that East Asian fonts contain.
RANGES = ((0x20, 0xD7FF), (0xE000, 0xFFEF), (0x20000, 0x3FFFF))
#: Bits of `ulCodePageRange1`: Latin 1, Japanese, simplified Chinese, Korean, traditional Chinese, Korean Johab.
CODE_PAGES = sum(1 << bit for bit in (0, 17, 18, 19, 20, 21))
GLYPH = "box"


def draw_box() -> object:
    """Return the glyph: a rectangle."""
    pen = TTGlyphPen(None)
    pen.moveTo((50, -100))
    for point in ((50, 800), (950, 800), (950, -100)):
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


def make_character_map() -> CmapSubtable:
    """Return a map of all ranges to the box; format 13 takes twelve bytes a range."""
    table = CmapSubtable.newSubtable(13)
    table.platformID, table.platEncID, table.language = 3, 10, 0
    table.cmap = {code: GLYPH for first, last in RANGES for code in range(first, last + 1)}
    return table


def main() -> None:
    """Write the font."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", GLYPH])
    builder.setupCharacterMap({})
    builder.font["cmap"].tables = [make_character_map()]
    builder.setupGlyf({".notdef": draw_box(), GLYPH: draw_box()})
    builder.setupHorizontalMetrics({".notdef": (1000, 50), GLYPH: (1000, 50)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "zz Fastback Boxes", "styleName": "Regular"}, mac=False)
    builder.setupOS2(sTypoAscender=880, sTypoDescender=-120, ulCodePageRange1=CODE_PAGES, version=1)
    builder.setupPost(keepGlyphNames=False)
    FONT_FILE.parent.mkdir(exist_ok=True)
    builder.save(FONT_FILE)
    print(f"{FONT_FILE}: {FONT_FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
