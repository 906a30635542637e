"""How the server names a plugin that it calls."""

from __future__ import annotations

from typing import Any

import msgspec


class PluginReference(msgspec.Struct):
    """A plugin: its id, the version of its code, and its stored valves."""

    id: str
    version: str
    valves: dict[str, Any] = {}
