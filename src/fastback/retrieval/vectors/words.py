"""Words for SQLite's full text search: how texts are prepared for it, and how a question becomes a query."""

from __future__ import annotations

import re
from collections.abc import Iterable

#: Scripts that put no spaces between words: each character counts as a word, a run of them as a phrase.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff"
)
_DENSE_ONE = re.compile(f"([{_DENSE}])")
_PIECE = re.compile(rf"[{_DENSE}]+|[^\W_{_DENSE}]+")
#: Words of a question that are looked for, the first ones.
_MOST = 64


def spaced(text: str) -> str:
    """The text with spaces around the characters of dense scripts."""
    return text if text.isascii() else _DENSE_ONE.sub(r" \1 ", text)


def all_words(text: str) -> list[str]:
    """The words of a text in lower case; runs of dense scripts in pairs of characters."""
    found: list[str] = []
    for piece in _PIECE.findall(text):
        if _DENSE_ONE.match(piece):
            # Pairs of characters find words inside a sentence that nobody separated.
            found += [piece[at : at + 2] for at in range(len(piece) - 1)] or [piece]
        else:
            found.append(piece.lower())
    return found


def words_of(text: str) -> list[str]:
    """The words of a question, each once, not all too many."""
    return list(dict.fromkeys(all_words(text)))[:_MOST]


def any_word(words: Iterable[str]) -> str:
    """A query for FTS5 that finds what has any of some words, quoted; empty where there are none."""
    return " OR ".join(f'"{" ".join(word) if _DENSE_ONE.match(word) else word}"' for word in words)
