"""Revisions of workspace models: which fields of a model they store."""

from __future__ import annotations

from typing import Any

from fastback.records.revision_store import RevisionStore, Snapshot

model_revisions = RevisionStore("model")


def build_snapshot(name: Any, base_model_id: str | None, params: dict[str, Any], meta: dict[str, Any]) -> Snapshot:
    """Return the fields that a revision stores, without the model's visibility and without derived fields."""
    stored_meta = {key: value for key, value in meta.items() if key not in ("hidden", "chat_variables_schema")}
    return {"name": name, "base_model_id": base_model_id, "params": params, "meta": stored_meta}
