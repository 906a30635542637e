"""Put new files and directories in the place of old ones: all of them, also after a crash in the middle.

New ones are prepared beside the old ones (`.restoring`). A journal names them before the first is renamed; who finds a
journal completes what it says. Old ones get the suffix `.replaced`, and are deleted at the end.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from fastback.transfer.errors import TransferError

NEW_SUFFIX, OLD_SUFFIX = ".restoring", ".replaced"
JOURNAL_NAME = ".fastback-restore.json"


class Exchange(msgspec.Struct):
    """A path that gets new content, or with `is_removed` none."""

    path: str
    is_removed: bool = False


def get_new_path(path: Path) -> Path:
    """Return where the new content of a path is prepared."""
    return path.with_name(path.name + NEW_SUFFIX)


def _get_old_path(path: Path) -> Path:
    return path.with_name(path.name + OLD_SUFFIX)


def require_replaceable(paths: list[Path]) -> None:
    """Raise TransferError if a path cannot be renamed, because a file system is mounted there."""
    for path in paths:
        if path.is_mount():
            raise TransferError(
                f"{path} is a mount point and cannot be exchanged: mount its parent directory, or restore into another "
                "data directory and move the files"
            )


def discard_new(paths: list[Path]) -> None:
    """Remove what was prepared."""
    for path in paths:
        _remove(get_new_path(path))


def exchange_paths(journal: Path, exchanges: list[Exchange]) -> None:
    """Write the journal and exchange the paths.

    Raises:
        OSError: a file cannot be renamed; the journal stays.
    """
    for exchange in exchanges:
        _remove(_get_old_path(Path(exchange.path)))
    temporary = journal.with_name(journal.name + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(exchanges))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(journal)
    complete_exchange(journal)


def complete_exchange(journal: Path) -> bool:
    """Carry out what a journal says and has not happened yet; return whether there was a journal.

    Raises:
        OSError: a file cannot be renamed; the journal stays.
    """
    try:
        exchanges = msgspec.json.decode(journal.read_bytes(), type=list[Exchange])
    except FileNotFoundError:
        return False
    for exchange in exchanges:
        path = Path(exchange.path)
        new, old = get_new_path(path), _get_old_path(path)
        if (exchange.is_removed or _exists(new)) and _exists(path):
            path.rename(old)
        if _exists(new):
            new.rename(path)
    for exchange in exchanges:
        _remove(_get_old_path(Path(exchange.path)))
    journal.unlink()
    return True


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            path.unlink()
