"""Collect every key of the stored configuration, area by area."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from fastback.config.key import DEFINITIONS, ConfigKey, KeyDefinition
from fastback.config.keys import (
    audio,
    auth,
    chat,
    code,
    connections,
    features,
    images,
    interface,
    ldap,
    oauth,
    permissions,
    retrieval,
    tasks,
    web,
)

KEY_MODULES = (
    features,
    connections,
    oauth,
    code,
    retrieval,
    web,
    images,
    audio,
    auth,
    interface,
    permissions,
    chat,
    tasks,
    ldap,
)

#: Every key by its name; complete, since the areas above are imported.
KEY_DEFINITIONS: dict[ConfigKey, KeyDefinition] = DEFINITIONS


def list_definitions(module: ModuleType) -> list[KeyDefinition]:
    """List the keys that an area module defines, in its order."""
    names = [ConfigKey(value) for name, value in vars(module).items() if name.isupper() and isinstance(value, str)]
    return [KEY_DEFINITIONS[name] for name in names if name in KEY_DEFINITIONS]


def compute_defaults(env: Mapping[str, str]) -> dict[ConfigKey, Any]:
    """Return the default of every key under these variables."""
    return {name: definition.compute_default(env) for name, definition in KEY_DEFINITIONS.items()}
