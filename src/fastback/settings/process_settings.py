"""All process settings in one struct: the struct of each area inherits from the struct of the area before it."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

from fastback.settings.field import Field, field_of
from fastback.settings.retrieval import Retrieving


class Settings(Retrieving, frozen=True, kw_only=True):
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
        chosen = self.audit_logs_file_path
        return Path(chosen).expanduser().resolve() if chosen else self.data_path / "audit.log"


def fields() -> dict[str, Field]:
    """Return every setting by name, in the order of the areas."""
    hints = typing.get_type_hints(Settings, include_extras=True)
    return {name: field_of(name, hints[name]) for area in _areas() for name in area.__annotations__}


def areas() -> list[tuple[str, list[str]]]:
    """Return the title of each area with the names of its settings, in order."""
    return [((area.__doc__ or "").strip(), list(area.__annotations__)) for area in _areas()]


def _areas() -> Iterator[type]:
    """Yield the structs of the areas, in the order of their declaration."""
    for kind in reversed(Settings.__mro__):
        if kind.__module__.startswith("fastback.settings") and kind is not Settings:
            yield kind
