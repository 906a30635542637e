"""What the server tells the process at its start, for modules that plugins import."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fastback


class HostSettings:
    """Settings of the server.

    Attributes:
        version: of Fastback.
        compatible_version: of Open WebUI, which plugins compare.
        data_dir: the directory of the server's data.
        upload_dir, cache_dir: the directories of uploaded files, and of files below `/cache`.
    """

    def __init__(self) -> None:
        self.version = ""
        self.compatible_version = fastback.REFERENCE_VERSION
        self.data_dir = Path(os.environ.get("DATA_DIR") or "data").absolute()
        self.upload_dir = self.data_dir / "uploads"
        self.cache_dir = self.data_dir / "cache"

    def update(self, settings: dict[str, Any]) -> None:
        """Take the settings that the server has sent."""
        self.version = settings.get("version", self.version)
        self.data_dir = Path(settings.get("data_dir") or self.data_dir).absolute()
        self.upload_dir = Path(settings.get("upload_dir") or self.data_dir / "uploads")
        self.cache_dir = Path(settings.get("cache_dir") or self.data_dir / "cache")


#: The settings of this process.
SETTINGS = HostSettings()
