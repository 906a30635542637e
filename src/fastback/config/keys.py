"""Every key of the stored configuration, area by area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastback.config import (
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
from fastback.config.key import Key

AREAS = (
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

KEYS: dict[str, Key] = {key.name: key for area in AREAS for key in area.KEYS}


def defaults(env: Mapping[str, str]) -> dict[str, Any]:
    """The default of every key under these variables."""
    return {name: key.default(env) for name, key in KEYS.items()}
