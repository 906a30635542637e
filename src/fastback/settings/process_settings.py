"""All process settings in one struct: the struct of each area inherits from the struct of the area before it."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from pathlib import Path

from fastback.settings.field import SettingField, parse_annotation
from fastback.settings.speech import SpeechSettings


class Settings(SpeechSettings, frozen=True, kw_only=True):
    """Process settings, read once at start. The name of a variable is the name of its field in capitals."""

    def __repr__(self) -> str:
        return "Settings(…)"  # several settings are secrets, and a repr can reach a log

    @property
    def webui_favicon_url(self) -> str:
        """Return the icon of the web interface: that of Open WebUI, which no variable changes."""
        return "https://openwebui.com/favicon.png"

    @property
    def data_path(self) -> Path:
        """Return the absolute path of the data directory."""
        return Path(self.data_dir).expanduser().resolve()

    @property
    def upload_path(self) -> Path:
        """Return the absolute path of the upload directory."""
        return Path(self.upload_dir).expanduser().resolve() if self.upload_dir else self.data_path / "uploads"

    @property
    def cache_path(self) -> Path:
        """Return the absolute path of the directory that `/cache` serves."""
        return Path(self.cache_dir).expanduser().resolve() if self.cache_dir else self.data_path / "cache"

    @property
    def audit_path(self) -> Path:
        """Return the absolute path of the audit log file."""
        configured = self.audit_logs_file_path
        return Path(configured).expanduser().resolve() if configured else self.data_path / "audit.log"


@functools.cache
def get_setting_fields() -> dict[str, SettingField]:
    """Return every setting by name, in the order of the areas."""
    annotations = typing.get_type_hints(Settings, include_extras=True)
    return {
        name: parse_annotation(name, annotations[name]) for area in _iterate_areas() for name in area.__annotations__
    }


def list_areas() -> list[tuple[str, list[str]]]:
    """Return the title of each area with the names of its settings, in order."""
    return [((area.__doc__ or "").strip(), list(area.__annotations__)) for area in _iterate_areas()]


def _iterate_areas() -> Iterator[type]:
    """Yield the structs of the areas, in the order of their declaration."""
    for area in reversed(Settings.__mro__):
        if area.__module__.startswith("fastback.settings") and area is not Settings:
            yield area
