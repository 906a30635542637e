"""Merge the lists of model servers, the arenas and the rows of `model` into one list of models.

A row without a base describes the base model of the same id; a row with one is a workspace model. Rows that are not
active hide their model.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import msgspec

from fastback.providers.chat_variables import build_chat_variables_schema
from fastback.providers.connections import Connection
from fastback.providers.model import Entry, Model
from fastback.providers.model_store import ModelRow, select_public_params

Models = dict[str, Model]


class ServerModels(msgspec.Struct):
    """What the server of a connection listed last. `failing_since` is the time of the first failure since then."""

    connection: Connection
    entries: list[Entry]
    failing_since: float | None = None


def merge_server_models(servers: Iterable[ServerModels]) -> Models:
    """Return the base models of all connections, by id; OpenAI-compatible ones first, each kind by its index."""
    models: Models = {}
    ordered = sorted(servers, key=lambda server: (server.connection.kind != "openai", server.connection.index))
    for server in ordered:
        prefix = server.connection.prefix
        for entry in server.entries:
            upstream_id = entry["id"].removeprefix(f"{prefix}.") if prefix else entry["id"]
            duplicate = models.get(entry["id"])
            if duplicate is not None and duplicate.owned_by == entry["owned_by"]:
                # The first server that has a model answers for it; of Ollama all servers are listed in the entry.
                if duplicate.owned_by == "ollama":
                    duplicate.entry["ollama"]["urls"].append(server.connection.index)
                continue
            models[entry["id"]] = Model(
                entry["id"], entry["name"], deepcopy(entry), entry["owned_by"], server.connection, upstream_id
            )
    return models


def add_row(models: Models, row: ModelRow, info: Entry) -> None:
    """Add a row of `model` to the models, in place; `info` is the row as clients see it."""
    info["params"] = select_public_params(row.params or {})
    schema = build_chat_variables_schema((row.params or {}).get("system"))
    info["meta"].pop("chat_variables_schema", None)
    if schema:
        info["meta"]["chat_variables_schema"] = schema
    if row.base_model_id is None:
        _describe_base_model(models, row, info)
    elif row.is_active and row.id not in models:
        models[row.id] = _build_workspace_model(models, row, row.base_model_id, info)


def _describe_base_model(models: Models, row: ModelRow, info: Entry) -> None:
    """Give a base model the name and the info of its row, or remove it where the row is not active."""
    model = models.get(row.id) or _find_without_tag(models, row.id)
    if model is None:
        return
    if not row.is_active:
        del models[model.id]
        return
    if model.arena:
        # Who may use an arena, and its models, are settings of the arena and not of the row.
        arena_meta = model.entry["info"]["meta"]
        own = {name: arena_meta[name] for name in ("access_grants", "model_ids", "filter_mode") if name in arena_meta}
        info["meta"] = {**info["meta"], **own}
    model.entry["name"] = model.name = row.name or model.name
    model.entry["info"] = info
    model.info = row


def _build_workspace_model(models: Models, row: ModelRow, base_model_id: str, info: Entry) -> Model:
    base = models.get(base_model_id) or _find_without_tag(models, base_model_id)
    entry: Entry = {
        "id": row.id,
        "name": row.name,
        "object": "model",
        "created": row.created_at,
        "owned_by": base.owned_by if base else "openai",
        "connection_type": base.entry.get("connection_type") if base else None,
        "preset": True,
    }
    if base and "pipe" in base.entry:
        entry["pipe"] = base.entry["pipe"]
    if base and base.entry.get("provider"):
        entry["provider"] = base.entry["provider"]
    if base and base.entry.get("loaded") is not None:
        entry["loaded"] = base.entry["loaded"]
    entry["info"] = info
    base_id = base.id if base else base_model_id
    return Model(row.id, row.name or row.id, entry, entry["owned_by"], None, row.id, base_id, row)


def _find_without_tag(models: Models, model_id: str) -> Model | None:
    """Return an Ollama model whose name is the same but for its tag (`llama3:latest`)."""
    name = model_id.split(":")[0]
    for model in models.values():
        if model.connection is not None and model.owned_by == "ollama" and model.id.split(":")[0] == name:
            return model
    return None


def complete_entries(models: Models, *, default_meta: dict[str, Any], compact_threshold: Any) -> None:
    """Add the defaults of the settings, the tags and empty actions and filters to every entry, in place."""
    for model in models.values():
        entry = model.entry
        info = entry.get("info")
        if default_meta:
            if info is None:
                info = entry["info"] = {"meta": {}}
            _add_default_meta(info.setdefault("meta", {}), default_meta)
        if compact_threshold is not None:
            params = {"compact_token_threshold": compact_threshold, **((info or {}).get("params") or {})}
            info = entry["info"] = {**(info or {}), "params": params}
        meta = (info or {}).get("meta") or {}
        meta.pop("profile_image_url", None)
        if "tags" in meta:
            meta["tags"] = _normalize_tags(meta["tags"])
        tags = [*_normalize_tags(meta.get("tags")), *_normalize_tags(entry.get("tags"))]
        entry["actions"] = []
        entry["filters"] = []
        entry["tags"] = list({tag["name"]: tag for tag in tags}.values())


def _add_default_meta(meta: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in defaults.items():
        if key == "capabilities" and isinstance(value, dict):
            meta[key] = {**value, **(meta.get(key) or {})}
        elif meta.get(key) is None:
            meta[key] = deepcopy(value)


def _normalize_tags(value: Any) -> list[dict[str, str]]:
    """Return tags, texts or `{name}`, as a list of `{name}`."""
    tags: list[dict[str, str]] = []
    for tag in value if isinstance(value, list) else []:
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str) and name:
            tags.append({"name": name})
    return tags
