"""Files that are archives of others: opened once it is known that they are no bombs."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.reader import Source, broken

#: Bytes that any archive may unpack to.
_FREE = 10 * 1024 * 1024
#: How many times its own size an archive may unpack to.
_RATIO = 100
TOO_LARGE = "Document archive is too large after decompression"


class Archive:
    """An archive whose members can be read. No member gives more bytes than it says it has."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.names = set(file.namelist())

    @contextmanager
    def member(self, name: str) -> Iterator[BinaryIO]:
        """A member to read.

        Raises:
            JobFailed: it is missing, locked, or damaged.
        """
        try:
            with self._file.open(name) as stream:
                yield cast(BinaryIO, stream)
        except KeyError:
            raise broken("a document", f"its part {name} is missing.") from None
        except RuntimeError as error:  # how zipfile says that it wants a password
            raise broken("a document", error) from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise broken("a document", f"it is damaged ({error}).") from None

    def content(self, name: str) -> bytes:
        with self.member(name) as stream:
            return stream.read()


def check(source: Source) -> None:
    """Refuse archives that are too large when unpacked; what is no archive passes.

    Raises:
        JobFailed: it is too large.
    """
    try:
        with zipfile.ZipFile(source.path) as file:
            _check(file, source)
    except (zipfile.BadZipFile, OSError, ValueError):
        return


def _check(file: zipfile.ZipFile, source: Source) -> None:
    if source.max_size <= 0:
        return
    allowed = min(max(_FREE, source.size * _RATIO), source.max_size)
    if sum(one.file_size for one in file.infolist()) > allowed:
        raise JobFailed(TOO_LARGE)


@contextmanager
def opened(source: Source) -> Iterator[Archive]:
    """The archive of a file.

    Raises:
        JobFailed: it is damaged, or too large when unpacked.
    """
    try:
        file = zipfile.ZipFile(source.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise broken("a document", f"it is damaged ({error}).") from None
    with file:
        _check(file, source)
        yield Archive(file)
