"""Python's names of the code pages that Microsoft's formats state as numbers."""

from __future__ import annotations

import codecs

#: Numbers that do not follow the pattern `cp` and the number.
_ENCODINGS = {
    708: "iso8859-6", 936: "gb18030", 10000: "mac_roman", 10006: "mac_greek", 10007: "mac_cyrillic",
    10029: "mac_latin2", 10079: "mac_iceland", 10081: "mac_turkish", 1200: "utf-16-le", 1201: "utf-16-be",
    20127: "ascii", 20866: "koi8-r", 20932: "euc-jp", 20936: "gb18030", 21866: "koi8-u", 32768: "mac_roman",
    32769: "cp1252", 50220: "iso2022_jp", 50221: "iso2022_jp", 50222: "iso2022_jp", 50225: "iso2022_kr",
    51932: "euc-jp", 51936: "gb18030", 51949: "euc-kr", 52936: "hz", 54936: "gb18030", 65000: "utf-7", 65001: "utf-8",
}  # fmt: skip
#: Windows code pages by primary language (the lower ten bits of a language id); all others use 1252.
_LANGUAGE_CODE_PAGES = {
    **dict.fromkeys((0x05, 0x0E, 0x15, 0x18, 0x1A, 0x1B, 0x1C, 0x24), 1250),
    **dict.fromkeys((0x02, 0x19, 0x22, 0x23, 0x2F, 0x3F, 0x40, 0x44, 0x50), 1251),
    0x01: 1256, 0x04: 936, 0x08: 1253, 0x0D: 1255, 0x11: 932, 0x12: 949, 0x1E: 874, 0x1F: 1254, 0x20: 1256,
    0x25: 1257, 0x26: 1257, 0x27: 1257, 0x29: 1256, 0x2A: 1258, 0x2C: 1254,
}  # fmt: skip
#: Language ids that use another code page than their primary language: Serbian in Cyrillic; traditional Chinese.
_DIALECT_CODE_PAGES = {0x0C1A: 1251, 0x1C1A: 1251, 0x0404: 950, 0x0C04: 950, 0x1404: 950}

#: Encodings by the character set of a font.
CHARSET_ENCODINGS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250",
}  # fmt: skip


def find_encoding(code_page: int) -> str:
    """Return the name of a code page's codec; empty where Python has none."""
    name = _ENCODINGS.get(code_page) or (
        f"iso8859-{code_page - 28590}" if 28591 <= code_page <= 28605 else f"cp{code_page}"
    )
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""


def find_language_encoding(language_id: int) -> str:
    """Return the codec of the code page that Windows uses for a language."""
    default = _LANGUAGE_CODE_PAGES.get(language_id & 0x3FF, 1252)
    return find_encoding(_DIALECT_CODE_PAGES.get(language_id, default))
