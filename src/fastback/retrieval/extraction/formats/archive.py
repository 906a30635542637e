"""ZIP archives, as many document formats are: opened only after their unpacked size is checked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.reader import SourceFile, unreadable_file

#: Bytes that an archive of any size may unpack to.
_ALWAYS_ALLOWED = 10 * 1024 * 1024
#: How many times its own size an archive may unpack to.
_MAX_RATIO = 100
TOO_LARGE = "Document archive is too large after decompression"


class Archive:
    """An archive whose members can be read. A member never yields more bytes than its header states."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        # Some programs separate folders with backslashes.
        self._members = {name.replace("\\", "/"): name for name in file.namelist()}
        self.names = set(self._members)
        self._names_in_lower_case = {name.lower(): name for name in self.names}

    def find_name(self, name: str) -> str:
        """Return the name of a member in its own upper and lower case; the given name where it is missing."""
        return name if name in self.names else self._names_in_lower_case.get(name.lower(), name)

    def get_size(self, name: str) -> int:
        """Return how many bytes a member unpacks to; 0 where it is missing."""
        return self._file.getinfo(self._members[name]).file_size if name in self._members else 0

    @contextmanager
    def open_member(self, name: str) -> Iterator[BinaryIO]:
        """Open a member for reading.

        Raises:
            JobFailed: it is missing, encrypted, or damaged.
        """
        try:
            with self._file.open(self._members.get(name, name)) as stream:
                yield cast(BinaryIO, stream)
        except KeyError:
            raise unreadable_file("a document", f"its part {name} is missing.") from None
        except RuntimeError as error:  # zipfile raises this where a password is required
            raise JobFailed("This file is protected by a password. Upload it without one.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise unreadable_file("a document", "it is damaged.") from error

    def read_member(self, name: str) -> bytes:
        """Return the content of a member. Raises: as `open_member`."""
        with self.open_member(name) as stream:
            return stream.read()


def check_archive_size(source: SourceFile) -> None:
    """Refuse an archive that is too large when unpacked; accept a file that is not an archive.

    Raises:
        JobFailed: it is too large.
    """
    try:
        with zipfile.ZipFile(source.path) as file:
            _check_unpacked_size(file, source)
    except (zipfile.BadZipFile, OSError, ValueError):
        return


def _check_unpacked_size(file: zipfile.ZipFile, source: SourceFile) -> None:
    if source.max_size <= 0:
        return
    limit = min(max(_ALWAYS_ALLOWED, source.size * _MAX_RATIO), source.max_size)
    if sum(member.file_size for member in file.infolist()) > limit:
        raise JobFailed(TOO_LARGE)


@contextmanager
def open_archive(source: SourceFile) -> Iterator[Archive]:
    """Open the archive in a file.

    Raises:
        JobFailed: it is damaged, or too large when unpacked.
    """
    try:
        file = zipfile.ZipFile(source.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise unreadable_file("a document", "it is damaged.") from error
    with file:
        _check_unpacked_size(file, source)
        yield Archive(file)
