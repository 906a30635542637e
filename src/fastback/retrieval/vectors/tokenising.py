"""Words for full-text search in SQLite: preparing texts, and turning a question into a query."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

#: Scripts that put no spaces between words: each character counts as a word, a run of them as a phrase.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff"
)
#: Marks inside words that are not letters: combining accents, points of Hebrew and Arabic, vowels and joiners of
#: India's scripts (whole blocks), invisible joiners.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c2\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0966-\u0dff"
    "\u200c-\u200d"
)
_ACCENTS = re.compile("[\u0300-\u036f]")
_DENSE_CHARACTER = re.compile(f"([{_DENSE}])")
_PIECE = re.compile(rf"[{_DENSE}]+|[^\W_{_DENSE}](?:[^\W_{_DENSE}]+|[{_MARKS}]+)*")
#: Words of a question that are searched, the first ones.
_MAX_WORDS = 64
#: Characters of a question that are read.
_MAX_CHARACTERS = 20_000


def space_dense_characters(text: str) -> str:
    """Return the text with spaces around the characters of scripts without spaces."""
    return text if text.isascii() else _DENSE_CHARACTER.sub(r" \1 ", text)


def iterate_words(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case; runs of dense scripts as pairs of characters."""
    for match in _PIECE.finditer(text):
        piece = match[0]
        if not _DENSE_CHARACTER.match(piece):
            yield piece.lower()
        elif len(piece) == 1:
            yield piece
        else:
            # Pairs of characters find words inside a sentence without spaces.
            for index in range(len(piece) - 1):
                yield piece[index : index + 2]


def list_query_words(text: str) -> list[str]:
    """Return the words of a question, each once, up to a maximum."""
    words: dict[str, None] = {}
    for word in iterate_words(text[:_MAX_CHARACTERS]):
        words[word] = None
        if len(words) == _MAX_WORDS:
            break
    return list(words)


def truncate_query(text: str) -> str:
    """Return the first words of a question unchanged, for stores with a tokenizer of their own."""
    return " ".join(text[:_MAX_CHARACTERS].split(maxsplit=_MAX_WORDS)[:_MAX_WORDS])


def list_terms(word: str) -> list[str]:
    """Return the terms of the index for a word: itself without accents, or the parts of a phrase."""
    if _DENSE_CHARACTER.match(word):
        return list(word)
    if word.isascii():
        return [word]
    unaccented = _ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return "".join(char if char.isalnum() else " " for char in unaccented).split()


def build_any_word_query(words: Iterable[str]) -> str:
    """Return an FTS5 query for texts that contain any of the words, quoted; empty without words."""
    return " OR ".join(f'"{" ".join(word) if _DENSE_CHARACTER.match(word) else word}"' for word in words)
