"""A digest of the rows of a table that does not depend on their order, and is the same for both engines."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import msgspec

from fastback.kit.db.table_copy.tables import Row, Table

_MODULUS = 1 << 128
#: Characters that a number begins with, and the length from which a text is not looked at.
_NUMBER_STARTS, _LONGEST_NUMBER = frozenset("-0123456789"), 400

_encode = msgspec.msgpack.Encoder().encode


class TableDigest:
    """The number of rows, and the sum of their hashes."""

    def __init__(self, table: Table) -> None:
        self.rows = 0
        self._sum = 0
        self._json = [index for index, column in enumerate(table.columns) if column.kind == "json"]

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        for row in rows:
            self.rows += 1
            encoded = _encode(self._normalise_numbers(row))
            self._sum += int.from_bytes(hashlib.blake2b(encoded, digest_size=16).digest(), "big")
        self._sum %= _MODULUS

    def _normalise_numbers(self, row: Row) -> Row:
        """Write JSON that is a single number as SQLite stores it: `5.0` becomes 5 there."""
        for index in self._json:
            text = row[index]
            if text and len(text) < _LONGEST_NUMBER and text.lstrip()[:1] in _NUMBER_STARTS:
                row = (*row[:index], _normalise_number(text), *row[index + 1 :])
        return row

    @property
    def hex(self) -> str:
        """Return the sum as hexadecimal digits."""
        return f"{self._sum:032x}"


def _normalise_number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    if number.is_integer() and abs(number) < 2**63:
        return str(int(text) if text.strip().lstrip("-").isdigit() else int(number))
    return repr(number)
