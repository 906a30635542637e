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
OBJECTS: dict[str, tuple[str, ...]] = {
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
_BY_CONNECTION = ("openai.api_configs", "ollama.api_configs")
_CONNECTION_FIELDS = (
    "enable", "key", "prefix_id", "tags", "model_ids", "connection_type", "provider", "auth_type", "headers", "azure",
    "api_type", "api_version", "extra_params", "passthrough_params",
)  # fmt: skip
#: Keys with a text of comma-separated model ids, which earlier versions stored as a list.
_MODEL_TEXTS = ("ui.default_models", "ui.default_pinned_models")


class Changes(NamedTuple):
    """Rows to write, by key, and the keys of rows to delete."""

    written: Values
    removed: list[str]


def repair(rows: Mapping[str, Any]) -> Changes:
    """Return the changes that bring rows into the current format; the rows themselves stay unchanged."""
    now = dict(rows)
    _move_web(now)
    for key, names in OBJECTS.items():
        _gather(now, key, (key, *names))
    for key in _MODEL_TEXTS:
        if isinstance(now.get(key), list):
            ids = (str(one).strip() for one in now[key])
            now[key] = ",".join(one for one in ids if one)
    return Changes(
        {key: value for key, value in now.items() if key not in rows or rows[key] is not value},
        [key for key in rows if key not in now],
    )


def _move_web(rows: Values) -> None:
    """Rename `rag.web.*` to `web.*`, in place; an existing row under the new name stays."""
    for key in [one for one in rows if one.startswith("rag.web.")]:
        value = rows.pop(key)
        rows.setdefault(key.removeprefix("rag."), value)


def _gather(rows: Values, key: str, prefixes: tuple[str, ...]) -> None:
    """Merge the leaf rows of an object into its own row, in place."""
    whole = deepcopy(rows[key]) if isinstance(rows.get(key), dict) else {}
    gathered = False
    for prefix in prefixes:
        for row in [one for one in rows if one.startswith(f"{prefix}.")]:
            rest = row.removeprefix(f"{prefix}.")
            path = _connection_path(rest) if key in _BY_CONNECTION else rest.split(".")
            if not path or (key in _BY_CONNECTION and not isinstance(whole.get(path[0], {}), dict)):
                continue  # unknown format: the row stays unchanged
            _put(whole, path, rows.pop(row))
            gathered = True
    if gathered:
        rows[key] = whole


def _put(tree: Values, path: list[str], value: Any) -> None:
    """Set a value in nested objects, in place; missing objects are created."""
    for part in path[:-1]:
        if not isinstance(tree.get(part), dict):
            tree[part] = {}
        tree = tree[part]
    tree[path[-1]] = value


def _connection_path(text: str) -> list[str]:
    """Split `0.enable` or `https://a.example/v1.enable` into the connection and the path of the field.

    Return an empty list for any other text.
    """
    first, _, rest = text.partition(".")
    if first.isdigit() and rest:
        return [first, *rest.split(".")]
    place = max(text.rfind(f".{field}") for field in _CONNECTION_FIELDS)
    return [text[:place], *text[place + 1 :].split(".")] if place > 0 else []
