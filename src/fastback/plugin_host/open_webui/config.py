"""Directories, and values of the configuration by the names of their environment variables."""

from __future__ import annotations

import os
from typing import Any

from fastback.plugin_host.config_values import CurrentConfig, find_value
from fastback.plugin_host.host_settings import SETTINGS

DATA_DIR = SETTINGS.data_dir
UPLOAD_DIR = SETTINGS.upload_dir
CACHE_DIR = SETTINGS.cache_dir
STATIC_DIR = DATA_DIR / "static"
STORAGE_PROVIDER = os.environ.get("STORAGE_PROVIDER", "local")
VECTOR_DB = os.environ.get("VECTOR_DB", "chroma")
#: Objects of the configuration that were registered; Open WebUI has none any more.
PERSISTENT_CONFIG_REGISTRY: list[Any] = []


def get_config() -> dict[str, Any]:
    """Return the configuration as a tree: the key `a.b` is `["a"]["b"]`."""
    from fastback.plugin_host.server_link import SERVER

    tree: dict[str, Any] = {}
    for key, value in SERVER.call_blocking("config.get_all").items():
        *parents, name = key.split(".")
        branch = tree
        for parent in parents:
            child = branch.setdefault(parent, {})
            branch = child if isinstance(child, dict) else {}
        branch[name] = value
    return tree


class AppConfig(CurrentConfig):
    """The configuration with the names of its environment variables as attributes."""


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return find_value(name)
