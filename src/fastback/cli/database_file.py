"""The file of an SQLite database, for commands that must not create one."""

from __future__ import annotations

from pathlib import Path

from fastback.settings import Settings, SettingsError


def find_sqlite_path(settings: Settings) -> Path | None:
    """Return the path of the SQLite file; None for another database."""
    scheme, _, path = settings.database_url.partition("///")
    return Path(path) if scheme.startswith("sqlite") else None


def is_sqlite_file_missing(settings: Settings) -> bool:
    """Return whether the SQLite file does not exist yet; connecting would create it."""
    path = find_sqlite_path(settings)
    return path is not None and not path.exists()


def require_database(settings: Settings) -> None:
    """Raise SettingsError where the SQLite file does not exist: the directory may be the wrong one."""
    if is_sqlite_file_missing(settings):
        raise SettingsError(f"{settings.database_url}: not found; name the directory with --data-dir")
