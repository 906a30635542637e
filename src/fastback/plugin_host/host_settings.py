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
        database_url: of the server's database; empty where plugins may not open it.
    """

    def __init__(self) -> None:
        self.version = ""
        self.compatible_version = fastback.REFERENCE_VERSION
        self.data_dir = Path(os.environ.get("DATA_DIR") or "data").absolute()
        self.database_url = ""
        self.database_schema: str | None = None

    def update(self, settings: dict[str, Any]) -> None:
        """Take the settings that the server has sent."""
        self.version = settings.get("version", self.version)
        self.data_dir = Path(settings.get("data_dir") or self.data_dir).absolute()
        self.database_url = settings.get("database_url", "")
        self.database_schema = settings.get("database_schema")


#: The settings of this process.
SETTINGS = HostSettings()
