"""Changing some columns of a row, where what changes is known only when it does."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.kit.db import Executor


class Columns:
    """The columns of a table that may change, those with JSON among them; `id` and `updated_at` are there, too."""

    def __init__(self, table: str, *, plain: tuple[str, ...], json: tuple[str, ...] = ()) -> None:
        self._table = table
        self._json = json
        self._changeable = frozenset((*plain, *json))

    def written(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Values as they are written: objects as JSON, None as NULL."""
        return {
            name: msgspec.json.encode(value).decode() if name in self._json and value is not None else value
            for name, value in fields.items()
        }

    async def update(self, tx: Executor, row_id: str, fields: dict[str, Any]) -> None:
        """Change these columns of a row, and the time of its change.

        Raises:
            ValueError: one of them is no column that changes.
        """
        unknown = set(fields) - self._changeable
        if unknown:
            raise ValueError(f"not columns of {self._table} that change: {unknown}")
        assignments = "".join(f"{name} = :{name}, " for name in fields)
        await tx.execute(
            f"{self._table}.update.{'+'.join(fields)}",
            f"UPDATE {self._table} SET {assignments}updated_at = :now WHERE id = :id",
            id=row_id,
            now=int(time.time()),
            **self.written(fields),
        )
