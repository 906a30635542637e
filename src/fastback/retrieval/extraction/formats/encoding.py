"""Detect the encoding of a text.

The candidates in order: what a byte order mark states; UTF-8 where all, or nearly all, bytes fit; the guess of chardet;
an East Asian encoding where the decoded text is East Asian; Latin-1.
"""

from __future__ import annotations

import codecs
import re

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes around the first invalid UTF-8 byte from which the encoding is guessed.
_WINDOW = 256 * 1024

#: The encoding that is used for each guess of chardet: a superset that also decodes rarer characters.
_SUPERSETS = {
    "gb2312": "gb18030",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "big5": "big5",
    "big5hkscs": "big5",
    "euckr": "euc-kr",
    "cp949": "cp949",
    "johab": "euc-kr",
    "eucjp": "euc-jp",
    "iso2022jp": "iso-2022-jp",
    "shiftjis": "cp932",
    "shiftjis2004": "cp932",
    "cp932": "cp932",
}
#: Escape sequences with which ISO-2022-JP, which otherwise looks like ASCII, switches to Japanese.
_ESCAPES = (b"\x1b$@", b"\x1b$B")
_EAST_ASIAN = ("gb18030", "big5", "euc-kr", "euc-jp")
_CHARACTERS = re.compile(
    "[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0002a6df\U0002a700-\U0002b81f]+"
)


def _is_east_asian(text: str) -> bool:
    """Return whether a text is East Asian.

    At least 5% of its visible characters must be Chinese, Japanese or Korean, most of them in runs of two or more.
    Accents in Western texts decode to such characters, too, but to single ones.
    """
    visible = len("".join(text.split()))
    runs = _CHARACTERS.findall(text)
    east_asian = sum(map(len, runs))
    return (
        east_asian > 0
        and east_asian >= visible * 0.05
        and sum(len(run) for run in runs if len(run) > 1) * 2 > east_asian
    )


def _try_decode(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _guess_encoding(content: bytes, position: int) -> str:
    """Return the guess of chardet for the bytes around a position; empty for none."""
    import chardet

    start = max(0, position - _WINDOW // 2)
    guess = chardet.detect(content[start : start + _WINDOW])["encoding"] or ""
    return _SUPERSETS.get(guess.lower().replace("-", "").replace("_", ""), guess)


def _decode_nearly_utf_8(content: bytes) -> str | None:
    """Return the text where nearly all characters beyond ASCII are valid UTF-8: it was cut, or a byte was inserted."""
    valid = content.decode("utf-8", "ignore")
    non_ascii = len(valid) - sum(map(valid.count, map(chr, range(128))))
    invalid_bytes = len(content) - len(valid.encode("utf-8"))
    return content.decode("utf-8", "replace") if invalid_bytes * 20 < non_ascii else None


def decode_text(content: bytes) -> str:
    """Return the text of bytes; some encoding always fits."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            text = _try_decode(content, encoding)
            if text is not None:
                return text
    if any(escape in content for escape in _ESCAPES) and (text := _try_decode(content, "iso-2022-jp")) is not None:
        return text
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        first_invalid = error.start
    if (text := _decode_nearly_utf_8(content)) is not None:
        return text
    guess = _guess_encoding(content, first_invalid)
    text = _try_decode(content, guess) if guess else None
    if text is not None:
        return text
    for encoding in _EAST_ASIAN:
        text = _try_decode(content, encoding)
        if text is not None and _is_east_asian(text):
            return text
    return content.decode("latin-1")
