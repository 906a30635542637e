"""Rows of `model`: workspace models, and what an administrator said about a base model (same id, no base)."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.kit.db import Database, Executor

#: Fields of a model's `meta` that every answer shows, null where nothing was said.
META_FIELDS = (
    "profile_image_url",
    "background_image_url",
    "description",
    "i18n",
    "capabilities",
    "knowledge",
    "voice",
    "voice_avatar",
)


class ModelRow(msgspec.Struct):
    """A row as it is stored."""

    id: str
    version_id: str | None
    user_id: str | None
    base_model_id: str | None
    name: str | None
    params: dict[str, Any] | None
    meta: dict[str, Any] | None
    is_active: bool
    updated_at: int | None
    created_at: int | None

    def full_meta(self) -> dict[str, Any]:
        """The meta with every known field, known ones first, others behind them."""
        own = self.meta or {}
        return {**{name: own.get(name) for name in META_FIELDS}, **own}

    def dump(self, grants: list[Grant]) -> dict[str, Any]:
        """The model as answers show it, in the reference's order of fields."""
        return {
            "version_id": self.version_id,
            "id": self.id,
            "user_id": self.user_id,
            "base_model_id": self.base_model_id,
            "name": self.name,
            "params": self.params or {},
            "meta": self.full_meta(),
            "access_grants": [msgspec.structs.asdict(grant) for grant in grants],
            "is_active": self.is_active,
            "updated_at": self.updated_at,
            "created_at": self.created_at,
        }


def public_params(params: dict[str, Any]) -> dict[str, Any]:
    """What of a model's parameters the page may see: the controls it offers, without what they set."""
    found: dict[str, Any] = {}
    controls = params.get("model_controls")
    if isinstance(controls, dict) and controls:
        found["model_controls"] = {
            key: {
                **{name: one[name] for name in ("label", "description", "default", "display") if name in one},
                "options": {name: {"label": option.get("label")} for name, option in one.get("options", {}).items()},
            }
            for key, one in controls.items()
        }
    if "compact_token_threshold" in params:
        found["compact_token_threshold"] = params["compact_token_threshold"]
    return found


COLUMNS = "id, version_id, user_id, base_model_id, name, params, meta, is_active, updated_at, created_at"


#: As they were made. SQLite knows the order within a second, too.
_ORDER = {"sqlite": "rowid", "postgres": "created_at, id"}


async def all_rows(db: Database) -> list[ModelRow]:
    return await db.fetch_all(ModelRow, "models.all", f"SELECT {COLUMNS} FROM model ORDER BY {_ORDER[db.dialect]}")


async def get(db: Executor, model_id: str) -> ModelRow | None:
    return await db.fetch_first(ModelRow, "models.get", f"SELECT {COLUMNS} FROM model WHERE id = :id", id=model_id)
