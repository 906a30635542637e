"""What a model has in turns without a page: the tools, filters, terminal and features that its settings name."""

from __future__ import annotations

from typing import Any

from fastback.config import Config
from fastback.config.keys.images import IMAGE_GENERATION_ENABLE
from fastback.config.keys.web import WEB_SEARCH_ENABLE
from fastback.providers.model import Model

#: The features that need no page, and the settings that enable them.
_FEATURES = {"web_search": WEB_SEARCH_ENABLE, "image_generation": IMAGE_GENERATION_ENABLE}


def list_model_defaults(model: Model, config: Config) -> dict[str, Any]:
    """Return the fields of a request that the settings of a model choose."""
    meta = model.entry_info.get("meta") or {}
    defaults: dict[str, Any] = {
        "tool_ids": list(meta.get("toolIds") or []),
        "filter_ids": list(meta.get("defaultFilterIds") or []),
        "terminal_id": meta.get("terminalId"),
    }
    capabilities, feature_ids = meta.get("capabilities") or {}, meta.get("defaultFeatureIds") or []
    features = {
        name: True
        for name, key in _FEATURES.items()
        if name in feature_ids and capabilities.get(name) and config.get_bool(key)
    }
    return {name: value for name, value in {**defaults, "features": features}.items() if value}
