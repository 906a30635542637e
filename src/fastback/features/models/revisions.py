"""Versions of workspace models: what they keep of a model."""

from __future__ import annotations

from typing import Any

from fastback.records.revision_store import Snapshot, Versions

versions = Versions("model")


def snapshot(name: Any, base_model_id: str | None, params: dict[str, Any], meta: dict[str, Any]) -> Snapshot:
    """What a version keeps of a model: not whether it is shown, and nothing that follows from the rest."""
    kept = {key: value for key, value in meta.items() if key not in ("hidden", "chat_variables_schema")}
    return {"name": name, "base_model_id": base_model_id, "params": params, "meta": kept}
