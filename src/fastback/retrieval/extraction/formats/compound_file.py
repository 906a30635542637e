"""The container of old Office files and Outlook's messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import olefile

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.reader import Source, broken

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Compound:
    """Streams by name."""

    def __init__(self, file: olefile.OleFileIO) -> None:
        self._file = file
        self.names: list[list[str]] = file.listdir()

    def has(self, *name: str) -> bool:
        return bool(self._file.exists("/".join(name)))

    def content(self, *name: str) -> bytes:
        """A stream, whole; empty where there is none."""
        if not self.has(*name):
            return b""
        with self._file.openstream("/".join(name)) as stream:
            content: bytes = stream.read()
        return content


@contextmanager
def opened(source: Source) -> Iterator[Compound]:
    """The streams of a file.

    Raises:
        JobFailed: it is damaged, or locked with a password.
    """
    try:
        with olefile.OleFileIO(source.path) as file:
            found = Compound(file)
            if found.has("EncryptedPackage"):
                raise JobFailed("This file is protected by a password. Upload it without one.")
            yield found
    except JobFailed:
        raise
    except (OSError, ValueError, IndexError, KeyError) as error:  # what the library says of damaged files
        raise broken("a document", f"it is damaged ({error}).") from None
