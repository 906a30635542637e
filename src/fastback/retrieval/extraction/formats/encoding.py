"""Which encoding a text is in.

What a mark at the beginning says; UTF-8 where it fits, or all but fits; what the bytes look like to chardet; an East
Asian encoding where what comes out is East Asian text; Latin-1 at last.
"""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes around the first one that is no UTF-8, which the guess is made from.
_WINDOW = 256 * 1024

#: Guesses by the wider encoding that holds them.
_WIDER = {
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
#: How an encoding that looks like ASCII changes over to Japanese.
_ESCAPES = (b"\x1b$@", b"\x1b$B")
_EAST_ASIAN = ("gb18030", "big5", "euc-kr", "euc-jp")
_CHARACTERS = re.compile(
    "[\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0002a6df\U0002a700-\U0002b81f]+"
)


def _is_east_asian(text: str) -> bool:
    """Whether a twentieth of what is seen is Chinese, Japanese or Korean, most of it side by side.

    Accents in Western texts decode to such characters, too, but to lonely ones.
    """
    seen = len("".join(text.split()))
    runs = _CHARACTERS.findall(text)
    found = sum(map(len, runs))
    return found > 0 and found >= seen * 0.05 and sum(len(run) for run in runs if len(run) > 1) * 2 > found


def _tried(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _guess(content: bytes, around: int) -> str:
    """What the bytes around a place look like; empty for no idea."""
    import chardet

    start = max(0, around - _WINDOW // 2)
    found = chardet.detect(content[start : start + _WINDOW])["encoding"] or ""
    return _WIDER.get(found.lower().replace("-", "").replace("_", ""), found)


def _nearly_utf_8(content: bytes) -> str | None:
    """The text, if all but a few of its characters beyond ASCII are right UTF-8: somebody cut it, or put a byte in."""
    right = content.decode("utf-8", "ignore")
    beyond = len(right) - sum(map(right.count, map(chr, range(128))))
    lost = len(content) - len(right.encode("utf-8"))
    return content.decode("utf-8", "replace") if lost * 20 < beyond else None


def decoded(content: bytes) -> str:
    """The text of bytes; there is always one."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            found = _tried(content, encoding)
            if found is not None:
                return found
    if any(escape in content for escape in _ESCAPES) and (found := _tried(content, "iso-2022-jp")) is not None:
        return found
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        first = error.start
    if (found := _nearly_utf_8(content)) is not None:
        return found
    guess = _guess(content, first)
    found = _tried(content, guess) if guess else None
    if found is not None:
        return found
    for encoding in _EAST_ASIAN:
        found = _tried(content, encoding)
        if found is not None and _is_east_asian(found):
            return found
    return content.decode("latin-1")
