"""Putting right what goes wrong with texts on their way: wrongly decoded letters, ligatures, control characters."""

from __future__ import annotations

import ftfy

_HOW = ftfy.TextFixerConfig(unescape_html=False, fix_character_width=False, uncurl_quotes=False)


def mended(text: str) -> str:
    """The text as it was meant. Entities, widths and quotes stay: they may be part of the document."""
    return ftfy.fix_text(text, _HOW)
