"""The files of an installation besides its database: uploads, vectors, the key, and the variables that are set."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from fastback.config.definitions import KEY_MODULES, list_definitions
from fastback.config.key import DerivedDefault
from fastback.config.keys.permissions import PERMISSION_DEFAULTS
from fastback.kit.storage.incoming_file import INCOMING_PREFIX
from fastback.retrieval.vectors import factory
from fastback.settings import Settings
from fastback.settings.loader import list_key_files
from fastback.settings.process_settings import get_setting_fields

#: Caches in the directory of vectors, and files that belong to a database beside them.
_DERIVED = re.compile(r"fastback_embeddings\.db.*|.*-(wal|shm|journal)")
_DATABASE_SUFFIXES = (".db", ".sqlite3")
_LINKS_PREFIX = ".fastback-backup-"
_SECRET_NAME = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|CREDENTIAL|_DN$|_KEYS$|HEADERS")
_SECRET_VALUE = re.compile(r"://[^/@\s]*:[^/@\s]+@")


def iterate_files(directory: Path) -> Iterator[Path]:
    """Yield the regular files below a directory, without those that are being received."""
    for root, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(INCOMING_PREFIX) and path.is_file() and not path.is_symlink():
                yield path


@contextmanager
def hold_files(directory: Path | None) -> Iterator[list[tuple[str, Path]]]:
    """Yield the names of files relative to a directory, each with a path that stays, whichever file is deleted.

    The paths are hard links in a directory beside, where the file system has them. Without a directory the list is
    empty.
    """
    if directory is None:
        yield []
        return
    links = directory.parent / f"{_LINKS_PREFIX}{os.getpid()}"
    _remove_old_links(directory.parent)
    files: list[tuple[str, Path]] = []
    try:
        with suppress(OSError):
            links.mkdir(mode=0o700)
        for number, path in enumerate(iterate_files(directory)):
            name = path.relative_to(directory).as_posix()
            link = links / str(number)
            try:
                os.link(path, link)
                files.append((name, link))
            except FileNotFoundError:
                if path.exists():
                    files.append((name, path))
            except OSError:
                files.append((name, path))
        yield files
    finally:
        shutil.rmtree(links, ignore_errors=True)


def _remove_old_links(directory: Path) -> None:
    """Remove the links of processes that have ended."""
    for path in directory.glob(f"{_LINKS_PREFIX}*"):
        number = path.name.removeprefix(_LINKS_PREFIX)
        if number.isdigit() and not _is_running(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def is_database_file(path: Path) -> bool:
    """Return whether a file in the directory of vectors is an SQLite database, which programs may have open."""
    return path.suffix in _DATABASE_SUFFIXES


def list_vector_files(settings: Settings) -> list[Path]:
    """Return the files of the built-in vector store and of Chroma, without caches."""
    directory = factory.get_directory(settings)
    return [path for path in iterate_files(directory) if not _DERIVED.fullmatch(path.name)]


def find_key_file(settings: Settings) -> Path | None:
    """Return the file of the secret key, if there is one."""
    return next((path for path in list_key_files(settings) if path.is_file()), None)


def format_variables(env: Mapping[str, str], *, with_secrets: bool) -> str:
    """Return the variables of Fastback that are set, as lines of an environment file.

    Without `with_secrets`, secrets are only named.
    """
    lines = []
    for name in _list_variable_names():
        value = env.get(name)
        if value is None:
            continue
        if not with_secrets and value and (_SECRET_NAME.search(name) or _SECRET_VALUE.search(value)):
            lines.append(f"# {name}= (a secret, which only an encrypted archive contains)")
        else:
            quoted = value.replace("\\", "\\\\").replace("'", "\\'")
            lines.append(f"{name}='{quoted}'")
    return "".join(f"{line}\n" for line in lines)


def _list_variable_names() -> list[str]:
    names = [name for field in get_setting_fields().values() for name in field.variables]
    for module in KEY_MODULES:
        for key in list_definitions(module):
            names += key.variables
            if isinstance(key.fallback, DerivedDefault):
                names += key.fallback.variables
    names += [variable for _path, variable, _fallback in PERMISSION_DEFAULTS]
    return list(dict.fromkeys(names))
