"""References to knowledge in workspace models."""

from __future__ import annotations

from typing import Any

from fastback.features.knowledge import store
from fastback.features.models.service import ModelDraft
from fastback.kit.db import Database
from fastback.providers.model_store import ModelRow


def _list_items(model: ModelRow) -> list[Any]:
    items = (model.meta or {}).get("knowledge")
    return items if isinstance(items, list) else []


def _is_knowledge(item: Any, knowledge_id: str) -> bool:
    return isinstance(item, dict) and item.get("id") == knowledge_id


async def list_models_with_knowledge(db: Database, knowledge_id: str) -> list[ModelRow]:
    """List the models that refer to a knowledge: SQL narrows by text, the decoded `meta` decides."""
    rows = await store.list_models_with_text(db, knowledge_id)
    return [row for row in rows if any(_is_knowledge(item, knowledge_id) for item in _list_items(row))]


def remove_knowledge(model: ModelRow, knowledge_id: str) -> ModelDraft:
    """Return a draft of the model without the knowledge."""
    items = [item for item in _list_items(model) if not _is_knowledge(item, knowledge_id)]
    meta = {**(model.meta or {}), "knowledge": items}
    return ModelDraft(model.id, model.name or model.id, model.base_model_id, model.params or {}, meta)
