"""Plain text in any encoding."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from fastback import messages
from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.encoding import decode_text
from fastback.retrieval.extraction.formats.reader import MAX_TEXT, ExtractedText, SourceFile, too_much_text

#: Extensions of source code and other text files; they count as text whatever content type the browser sends.
TEXT_EXTENSIONS = frozenset(
    """
    go py java sh bat ps1 cmd js ts css cpp hpp h c cs ino sql log ini pl pm r dart dockerfile env php hs hsc lua
    nginxconf conf m mm plsql perl rb rs db2 scala bash swift vue svelte ex exs erl tsx jsx lhs json yaml yml toml svg
    """.split()  # noqa: SIM905
)
_BYTE_ORDER_MARKS = (
    codecs.BOM_UTF8,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
)
#: Bytes that are examined to tell text from binary content.
_SAMPLE_SIZE = 1 << 16
#: Control characters that occur in texts: bell, backspace, tab, line ends, form feed, escape, end of file.
_TEXT_CONTROL_BYTES = frozenset((7, 8, 9, 10, 11, 12, 13, 26, 27))
#: A shorter sample counts as this long, so that a few control characters do not make a short text binary.
_MIN_SAMPLE_SIZE = 200
#: The largest percentage of a text that is a control character that separates fields.
_MAX_SEPARATORS = 30


def is_text(source: SourceFile) -> bool:
    """Return whether a file is plain text by its name or content type; HTML pages are not."""
    kind = source.content_type
    return source.extension in TEXT_EXTENSIONS or ("text/" in kind and "html" not in kind)


def looks_binary(sample: bytes) -> bool:
    """Return whether bytes are not text in any encoding: many zeros or control characters without a byte order mark.

    Logs and exports may separate fields with a control character, so the most frequent one counts less than the others;
    in binary content all of them are frequent.
    """
    if not sample or sample.startswith(_BYTE_ORDER_MARKS):
        return False
    counts = {byte: sample.count(byte) for byte in range(32) if byte not in _TEXT_CONTROL_BYTES}
    separators = max(count for byte, count in counts.items() if byte)
    others = sum(counts.values()) - separators
    if others * 100 <= max(len(sample), _MIN_SAMPLE_SIZE) and separators * 100 <= len(sample) * _MAX_SEPARATORS:
        return False
    # UTF-16 without a byte order mark: every other byte of Latin text is zero.
    zeros = max(sample[0::2].count(0), sample[1::2].count(0))
    return not (zeros * 10 > len(sample) * 4 and min(sample[0::2].count(0), sample[1::2].count(0)) * 50 < len(sample))


def read_whole_text(source: SourceFile) -> str:
    """Return the whole text, with its line ends unchanged.

    Raises:
        JobFailed: the text is too long, or the file is binary.
    """
    if source.size > 4 * MAX_TEXT:
        raise too_much_text()
    with open(source.path, "rb") as file:
        content = file.read()
    if looks_binary(content[:_SAMPLE_SIZE]):
        raise JobFailed(messages.FILE_NOT_SUPPORTED)
    text = decode_text(content)
    if len(text) > MAX_TEXT:
        raise too_much_text()
    return text


def read_texts(source: SourceFile) -> Iterator[ExtractedText]:
    """Yield one document, with unified line ends."""
    yield read_whole_text(source).replace("\r\n", "\n").replace("\r", "\n"), source.metadata
