"""`settings.find`: process settings by the names of their variables, for `open_webui.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastback.plugins.environment import SECRETS
from fastback.plugins.methods import HostMethods
from fastback.settings import Settings


class SettingMethods:
    """Read process settings for plugins, secrets excepted."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def add_to(self, methods: HostMethods) -> None:
        methods.add("settings.find", self.find_setting)

    async def find_setting(self, name: str) -> dict[str, Any] | None:
        """Return `{"value"}` of the setting that a variable sets; None for an unknown one, and for a secret."""
        if name in SECRETS or not hasattr(self._settings, name.lower()):
            return None
        value = getattr(self._settings, name.lower())
        return {"value": str(value) if isinstance(value, Path) else value}
