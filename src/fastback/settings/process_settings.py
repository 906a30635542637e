"""Every process setting in one struct; its parts are declared area by area, each on top of the one before."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

from fastback.settings.field import Field, field_of
from fastback.settings.retrieval import Retrieving


class Settings(Retrieving, frozen=True, kw_only=True):
    """Process settings, read once. A field's name in capitals is its variable."""

    def __repr__(self) -> str:
        return "Settings(…)"  # half a dozen of them are secrets, and a repr ends up in logs

    @property
    def webui_favicon_url(self) -> str:
        """Icon of the page; Open WebUI's own, which no variable changes."""
        return "https://openwebui.com/favicon.png"

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).expanduser().resolve()

    @property
    def upload_path(self) -> Path:
        return Path(self.upload_dir).expanduser().resolve() if self.upload_dir else self.data_path / "uploads"

    @property
    def cache_path(self) -> Path:
        return Path(self.cache_dir).expanduser().resolve() if self.cache_dir else self.data_path / "cache"

    @property
    def audit_path(self) -> Path:
        """Where the audit log is written."""
        chosen = self.audit_logs_file_path
        return Path(chosen).expanduser().resolve() if chosen else self.data_path / "audit.log"


def fields() -> dict[str, Field]:
    """Every setting by name, in the order of the areas."""
    hints = typing.get_type_hints(Settings, include_extras=True)
    return {name: field_of(name, hints[name]) for area in _areas() for name in area.__annotations__}


def areas() -> list[tuple[str, list[str]]]:
    """The areas with the names of their settings, in order."""
    return [((area.__doc__ or "").strip(), list(area.__annotations__)) for area in _areas()]


def _areas() -> Iterator[type]:
    for kind in reversed(Settings.__mro__):
        if kind.__module__.startswith("fastback.settings") and kind is not Settings:
            yield kind
