"""Plain text in any encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from fastback import messages
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.encoding import decoded
from fastback.retrieval.extraction.formats.reader import MOST_TEXT, Piece, Source, too_much

#: Names of source code and other files that hold text, whatever browsers say of them.
SOURCES = frozenset(
    """
    go py java sh bat ps1 cmd js ts css cpp hpp h c cs ino sql log ini pl pm r dart dockerfile env php hs hsc lua
    nginxconf conf m mm plsql perl rb rs db2 scala bash swift vue svelte ex exs erl tsx jsx lhs json yaml yml toml svg
    """.split()  # noqa: SIM905
)
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
#: Bytes that are looked at to tell texts from what is none.
_SAMPLE = 1 << 16
#: Control characters that texts have: bell, backspace, tab, line ends, form feed, escape, end of file.
_IN_TEXTS = frozenset((7, 8, 9, 10, 11, 12, 13, 26, 27))


def is_text(source: Source) -> bool:
    """Whether a file is called a text: pages are none."""
    kind = source.content_type
    return source.extension in SOURCES or ("text/" in kind and "html" not in kind)


def looks_binary(sample: bytes) -> bool:
    """Whether bytes are no text in any encoding: many zeros or control characters, and no mark of UTF-16 or -32."""
    if not sample or sample.startswith(_MARKS):
        return False
    odd = sum(sample.count(byte) for byte in range(32) if byte not in _IN_TEXTS)
    if odd * 100 <= len(sample):
        return False
    # UTF-16 without a mark: every other byte of Latin text is zero.
    zeros = max(sample[0::2].count(0), sample[1::2].count(0))
    return not (zeros * 10 > len(sample) * 4 and min(sample[0::2].count(0), sample[1::2].count(0)) * 50 < len(sample))


def text_of(source: Source) -> str:
    """The whole text, line ends as they are.

    Raises:
        JobFailed: too much, or no text.
    """
    if source.size > 4 * MOST_TEXT:
        raise too_much()
    with open(source.path, "rb") as file:
        content = file.read()
    if looks_binary(content[:_SAMPLE]):
        raise JobFailed(messages.FILE_NOT_SUPPORTED)
    text = decoded(content)
    if len(text) > MOST_TEXT:
        raise too_much()
    return text


def read(source: Source) -> Iterator[Piece]:
    yield text_of(source).replace("\r\n", "\n").replace("\r", "\n"), source.metadata
