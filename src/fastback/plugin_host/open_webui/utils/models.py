"""The list of models."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.http_operations import build_http_exception, get_user_id


@awaited_or_not
async def get_all_models(request: Any = None, refresh: bool = False, user: Any = None) -> Any:
    """Return the entries of all models."""
    return await call_server("models.list_entries")


@awaited_or_not
async def get_all_base_models(request: Any = None, user: Any = None) -> Any:
    return await call_server("models.list_base_entries")


@awaited_or_not
async def get_filtered_models(models: list[dict[str, Any]], user: Any, db: Any = None) -> Any:
    """Return those of the models that a user may choose."""
    visible = await call_server("models.list_visible_entries", user_id=get_user_id(user))
    ids = {entry["id"] for entry in visible}
    return [model for model in models if model["id"] in ids]


@awaited_or_not
async def check_model_access(user: Any, model: dict[str, Any], db: Any = None) -> Any:
    """Raise an exception where a user may not choose a model."""
    visible = await call_server("models.list_visible_entries", user_id=get_user_id(user))
    if model.get("id") not in {entry["id"] for entry in visible}:
        raise Exception("Model not found")


def require_model(models: Any, model_id: str) -> dict[str, Any]:
    """Return the entry of a model.

    Raises:
        HTTPException: it is unknown.
    """
    if model_id not in models:
        raise build_http_exception(404, "Model not found")
    entry: dict[str, Any] = models[model_id]
    return entry
