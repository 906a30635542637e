"""Repair of rows of the table `config` that earlier versions of Open WebUI wrote in another format.

Some versions wrote an object as one row per leaf (`openai.api_configs.0.enable`), or under the name of its variable.
Earlier, the web keys started with `rag.web`, and default models were a list.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

Values = dict[str, Any]

#: Keys whose value is an object, with the other names under which rows of it may be stored.
OBJECT_KEYS: dict[str, tuple[str, ...]] = {
    "openai.api_configs": ("OPENAI_API_CONFIGS",),
    "ollama.api_configs": ("OLLAMA_API_CONFIGS",),
    "rag.mineru_params": ("MINERU_PARAMS",),
    "rag.docling_params": ("DOCLING_PARAMS",),
    "web.search.linkup_search_params": ("LINKUP_SEARCH_PARAMS",),
    "image_generation.automatic1111.api_params": ("AUTOMATIC1111_PARAMS",),
    "image_generation.openai.params": ("IMAGES_OPENAI_API_PARAMS",),
    "audio.tts.openai.params": ("AUDIO_TTS_OPENAI_PARAMS",),
    "audio.realtime.input_params": ("AUDIO_REALTIME_INPUT_PARAMS",),
    "models.default_metadata": ("DEFAULT_MODEL_METADATA",),
    "models.default_params": ("DEFAULT_MODEL_PARAMS",),
    "task.model.params": ("TASK_MODEL_PARAMS",),
    "ui.default_interface_settings": ("DEFAULT_INTERFACE_SETTINGS",),
    "user.permissions": ("USER_PERMISSIONS",),
}
#: Keys with an object for each connection, named by an index or by a URL, which may contain dots.
_KEYS_BY_CONNECTION = ("openai.api_configs", "ollama.api_configs")
_CONNECTION_FIELDS = (
    "enable", "key", "prefix_id", "tags", "model_ids", "connection_type", "provider", "auth_type", "headers", "azure",
    "api_type", "api_version", "extra_params", "passthrough_params",
)  # fmt: skip
#: Keys with a text of comma-separated model ids, which earlier versions stored as a list.
_MODEL_LIST_KEYS = ("ui.default_models", "ui.default_pinned_models")


class RowChanges(NamedTuple):
    """Rows to write, by key, and the keys of rows to delete."""

    written: Values
    removed: list[str]


def plan_row_repair(rows: Mapping[str, Any]) -> RowChanges:
    """Return the changes that bring rows into the current format; the rows themselves stay unchanged."""
    repaired = dict(rows)
    _rename_web_keys(repaired)
    for key, aliases in OBJECT_KEYS.items():
        _merge_leaf_rows(repaired, key, (key, *aliases))
    for key in _MODEL_LIST_KEYS:
        if isinstance(repaired.get(key), list):
            model_ids = (str(model_id).strip() for model_id in repaired[key])
            repaired[key] = ",".join(model_id for model_id in model_ids if model_id)
    return RowChanges(
        {key: value for key, value in repaired.items() if key not in rows or rows[key] is not value},
        [key for key in rows if key not in repaired],
    )


def _rename_web_keys(rows: Values) -> None:
    """Rename `rag.web.*` to `web.*`, in place; an existing row under the new name stays."""
    for key in [row_key for row_key in rows if row_key.startswith("rag.web.")]:
        value = rows.pop(key)
        rows.setdefault(key.removeprefix("rag."), value)


def _merge_leaf_rows(rows: Values, key: str, prefixes: tuple[str, ...]) -> None:
    """Merge the leaf rows of an object into its own row, in place."""
    merged = deepcopy(rows[key]) if isinstance(rows.get(key), dict) else {}
    has_leaf_rows = False
    for prefix in prefixes:
        for row_key in [candidate for candidate in rows if candidate.startswith(f"{prefix}.")]:
            suffix = row_key.removeprefix(f"{prefix}.")
            path = _split_connection_path(suffix) if key in _KEYS_BY_CONNECTION else suffix.split(".")
            if not path or (key in _KEYS_BY_CONNECTION and not isinstance(merged.get(path[0], {}), dict)):
                continue  # unknown format: the row stays unchanged
            _set_at_path(merged, path, rows.pop(row_key))
            has_leaf_rows = True
    if has_leaf_rows:
        rows[key] = merged


def _set_at_path(tree: Values, path: list[str], value: Any) -> None:
    """Set a value in nested objects, in place; missing objects are created."""
    for name in path[:-1]:
        if not isinstance(tree.get(name), dict):
            tree[name] = {}
        tree = tree[name]
    tree[path[-1]] = value


def _split_connection_path(text: str) -> list[str]:
    """Split `0.enable` or `https://a.example/v1.enable` into the connection and the path of the field.

    Return an empty list for any other text.
    """
    index, _, field_path = text.partition(".")
    if index.isdigit() and field_path:
        return [index, *field_path.split(".")]
    position = max(text.rfind(f".{field}") for field in _CONNECTION_FIELDS)
    return [text[:position], *text[position + 1 :].split(".")] if position > 0 else []
