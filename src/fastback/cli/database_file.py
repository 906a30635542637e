"""The file of an SQLite database, for commands that must not create one."""

from __future__ import annotations

from pathlib import Path

from fastback.settings import Settings


def find_sqlite_path(settings: Settings) -> Path | None:
    """Return the path of the SQLite file; None for another database."""
    scheme, _, path = settings.database_url.partition("///")
    return Path(path) if scheme.startswith("sqlite") else None


def is_sqlite_file_missing(settings: Settings) -> bool:
    """Return whether the SQLite file does not exist yet; connecting would create it."""
    path = find_sqlite_path(settings)
    return path is not None and not path.exists()
