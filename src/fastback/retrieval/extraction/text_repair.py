"""Putting right what goes wrong with texts on their way: wrongly decoded letters, ligatures, control characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import ftfy
from ftfy.badness import is_bad
from ftfy.chardata import CONTROL_CHARS, LIGATURES

_HOW = ftfy.TextFixerConfig(unescape_html=False, fix_character_width=False, uncurl_quotes=False)

#: Characters that a block of text is looked at for: what ftfy takes out or replaces.
_ODD = re.compile(
    "["
    + "".join(map(re.escape, map(chr, {*CONTROL_CHARS, *LIGATURES, *range(0x7F, 0xA0), 0x0D, 0x1B})))
    + "\u2028\u2029"
    "\ud800-\udfff]"
)
#: Characters of a block, which ends with a line.
_BLOCK = 4096


def _blocks(text: str) -> Iterator[str]:
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + _BLOCK) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _mended(block: str) -> str:
    """ftfy mends line by line, so a block is mended as it is in the whole; most have nothing to be mended."""
    if _ODD.search(block) is None and (
        block.isascii() or (unicodedata.is_normalized("NFC", block) and not is_bad(block))
    ):
        return block
    return ftfy.fix_text(block, _HOW)


def mended(text: str) -> str:
    """The text as it was meant. Entities, widths and quotes stay: they may be part of the document."""
    return "".join(map(_mended, _blocks(text)))
