"""Updates of some columns of a row, where the caller learns which columns change only when they do."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json


class UpdatableColumns:
    """The columns of a table that may change, with those that hold JSON; the table has `id` and `updated_at` too."""

    def __init__(self, table: str, *, plain: tuple[str, ...], json: tuple[str, ...] = ()) -> None:
        self._table = table
        self._json = json
        self._changeable = frozenset((*plain, *json))

    def encode_values(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the values as the database stores them: objects as JSON, None as NULL."""
        return {
            name: encode_json(value) if name in self._json and value is not None else value
            for name, value in fields.items()
        }

    async def update_row(self, tx: Executor, row_id: str, fields: dict[str, Any]) -> None:
        """Update these columns of a row, and set `updated_at` to now (seconds).

        Raises:
            ValueError: one of the columns may not change.
        """
        unknown = set(fields) - self._changeable
        if unknown:
            raise ValueError(f"not columns of {self._table} that change: {unknown}")
        await tx.execute(
            "records.update_columns",
            _build_update(self._table, tuple(fields)),
            id=row_id,
            now=int(time.time()),
            **self.encode_values(fields),
        )


@cache
def _build_update(table: str, columns: tuple[str, ...]) -> str:
    assignments = "".join(f"{column} = :{column}, " for column in columns)
    return f"UPDATE {table} SET {assignments}updated_at = :now WHERE id = :id"
