"""Repair texts that were damaged on their way: wrongly decoded letters, ligatures, control characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import ftfy
from ftfy.badness import is_bad
from ftfy.chardata import CONTROL_CHARS, LIGATURES

_FIXER_CONFIG = ftfy.TextFixerConfig(unescape_html=False, fix_character_width=False, uncurl_quotes=False)

#: Characters that ftfy removes or replaces; a block without them needs no repair.
_SUSPICIOUS = re.compile(
    "["
    + "".join(map(re.escape, map(chr, {*CONTROL_CHARS, *LIGATURES, *range(0x7F, 0xA0), 0x0D, 0x1B})))
    + "\u2028\u2029"
    "\ud800-\udfff]"
)
#: Characters in a block; a block ends at the next line end.
_BLOCK_SIZE = 4096


def _split_blocks(text: str) -> Iterator[str]:
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + _BLOCK_SIZE) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _repair_block(block: str) -> str:
    """Return the repaired block; most blocks need no repair.

    ftfy works line by line, so the result is the same as in the whole text.
    """
    if block.isascii() and block.replace("\n", "").isprintable():
        return block
    if _SUSPICIOUS.search(block) is None and (
        block.isascii() or (unicodedata.is_normalized("NFC", block) and not is_bad(block))
    ):
        return block
    return ftfy.fix_text(block, _FIXER_CONFIG)


def repair_text(text: str) -> str:
    """Return the text as its author meant it. Entities, widths and quotes stay: they may be part of the document."""
    return "".join(map(_repair_block, _split_blocks(text)))
