"""Rows of the table `model`: workspace models, and descriptions of base models (same id, no base of their own)."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.kit.db import Database, Executor

#: Fields of a model's `meta` that every response has, null where they are not set.
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

    def build_meta(self) -> dict[str, Any]:
        """Return the metadata with every field of `META_FIELDS` first, and other fields after them."""
        own = self.meta or {}
        return {**{name: own.get(name) for name in META_FIELDS}, **own}

    def build_response(self, grants: list[Grant]) -> dict[str, Any]:
        """Return the model as responses show it, in the reference's order of fields."""
        return {
            "version_id": self.version_id,
            "id": self.id,
            "user_id": self.user_id,
            "base_model_id": self.base_model_id,
            "name": self.name,
            "params": self.params or {},
            "meta": self.build_meta(),
            "access_grants": [msgspec.structs.asdict(grant) for grant in grants],
            "is_active": self.is_active,
            "updated_at": self.updated_at,
            "created_at": self.created_at,
        }


def select_public_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a model that the page may see: its controls without what they set, its threshold."""
    public: dict[str, Any] = {}
    controls = params.get("model_controls")
    if isinstance(controls, dict) and controls:
        public["model_controls"] = {
            key: {
                **{name: control[name] for name in ("label", "description", "default", "display") if name in control},
                "options": {
                    name: {"label": option.get("label")} for name, option in control.get("options", {}).items()
                },
            }
            for key, control in controls.items()
        }
    if "compact_token_threshold" in params:
        public["compact_token_threshold"] = params["compact_token_threshold"]
    return public


COLUMNS = "id, version_id, user_id, base_model_id, name, params, meta, is_active, updated_at, created_at"

#: By dialect: rows in the order in which they were created. SQLite's `rowid` has that order within a second too.
LIST_MODELS = {
    "sqlite": f"SELECT {COLUMNS} FROM model ORDER BY rowid",
    "postgres": f"SELECT {COLUMNS} FROM model ORDER BY created_at, id",
}
FIND_MODEL = f"SELECT {COLUMNS} FROM model WHERE id = :id"


async def list_model_rows(db: Database) -> list[ModelRow]:
    """Return every row, in the order in which they were created."""
    # In a thread: their pictures are decoded, too.
    return await db.fetch_all_in_thread(ModelRow, "models.all", LIST_MODELS[db.dialect])


async def find_model_row(db: Executor, model_id: str) -> ModelRow | None:
    """Return a row."""
    return await db.fetch_first(ModelRow, "models.get", FIND_MODEL, id=model_id)
