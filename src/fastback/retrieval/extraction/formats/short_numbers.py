"""Numbers that Excel's binary formats store in 30 bits (RkNumber of [MS-XLS] and [MS-XLSB])."""

from __future__ import annotations

import struct
from collections.abc import Callable

from fastback.retrieval.extraction.formats.cell_text import format_number
from fastback.retrieval.extraction.formats.number_formats import CellFormats

#: Texts that are cached: few numbers are in many cells.
_MAX_TEXTS = 10_000
#: The lowest bits of the code of an integer.
_INTEGER = 2
_CODE, _DOUBLE = struct.Struct("<xxxxi"), struct.Struct("<d")


def decode_short_number(code: int) -> float:
    """Return the number of a signed code: an integer, or the upper half of a float; and perhaps the hundredth of it."""
    number = float(code >> 2) if code & 2 else _DOUBLE.unpack(_CODE.pack(code & ~3))[0]
    return number / 100 if code & 1 else number


class ShortNumberTexts(dict[int, str]):
    """The texts of short numbers, by their codes."""

    def __init__(self, formatter: Callable[[float], str]) -> None:
        self._formatter = formatter

    def __missing__(self, code: int) -> str:
        if len(self) >= _MAX_TEXTS:
            self.clear()
        text = self[code] = self._formatter(decode_short_number(code))
        return text


class ShortNumbers:
    """The texts of short numbers in the cell formats of a workbook: in those with a formatter, and in all others."""

    def __init__(self, formats: CellFormats) -> None:
        self._texts = ShortNumberTexts(format_number)
        texts = {formatter: ShortNumberTexts(formatter) for formatter in formats.formatters.values()}
        self._formatted_texts = {index: texts[formatter] for index, formatter in formats.formatters.items()}

    def get_text(self, code: int, index: int) -> str:
        """Return the text of the number of a signed code, in the format of an index."""
        if index in self._formatted_texts:
            return self._formatted_texts[index][code]
        return str(code >> 2) if code & 3 == _INTEGER else self._texts[code]
