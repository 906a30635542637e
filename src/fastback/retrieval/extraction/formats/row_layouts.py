"""Which columns the cells of a row are in: most rows of a sheet have the same."""

from __future__ import annotations

import msgspec

SEPARATOR = " | "
#: The longest run of empty cells that is written.
MAX_GAP = 100
_MAX_COLUMNS = 200
_MAX_LAYOUTS = 1000


class RowLayout(msgspec.Struct, frozen=True):
    """The first column, the number of empty cells after it, and a template for the texts of the others."""

    first: int
    gaps: int
    template: str


class RowLayouts:
    """The layouts of rows, by their columns."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, ...], RowLayout | None] = {}

    def find(self, columns: list[int]) -> RowLayout | None:
        """Return the layout of a row; None where the columns are not in order, too many, or too far apart."""
        if len(columns) > _MAX_COLUMNS:
            return None
        key = tuple(columns)
        if key not in self._layouts:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            self._layouts[key] = _build_layout(columns)
        return self._layouts[key]


def _build_layout(columns: list[int]) -> RowLayout | None:
    if not columns:
        return None
    parts, previous = ["%s"], columns[0]
    for column in columns[1:]:
        if not 0 < column - previous <= MAX_GAP + 1:
            return None
        parts += [""] * (column - previous - 1)
        parts.append("%s")
        previous = column
    return RowLayout(columns[0], len(parts) - len(columns), SEPARATOR.join(parts))
