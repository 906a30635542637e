"""Compound files (OLE): the container of old Office documents and of Outlook's messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import olefile

from fastback.kit.workers.errors import JobFailed
from fastback.retrieval.extraction.formats.reader import SourceFile, unreadable_file

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class CompoundFile:
    """The streams of a compound file, by name."""

    def __init__(self, file: olefile.OleFileIO) -> None:
        self._file = file
        self._folders: dict[tuple[str, ...], set[str]] = {}
        for name in file.listdir():
            for depth, part in enumerate(name):
                self._folders.setdefault(tuple(name[:depth]), set()).add(part)

    def has_stream(self, *name: str) -> bool:
        """Return whether there is a stream of this name."""
        return bool(self._file.exists("/".join(name)))

    def list_folder(self, *folder: str) -> list[str]:
        """Return the sorted names in a folder; none where it is missing."""
        return sorted(self._folders.get(folder, ()))

    def read_stream(self, *name: str) -> bytes:
        """Return the content of a stream; empty where the stream is missing."""
        if not self.has_stream(*name):
            return b""
        with self._file.openstream("/".join(name)) as stream:
            content: bytes = stream.read()
        return content


@contextmanager
def open_compound_file(source: SourceFile) -> Iterator[CompoundFile]:
    """Open the compound file in a file.

    Raises:
        JobFailed: it is damaged, or protected by a password.
    """
    try:
        with olefile.OleFileIO(source.path) as file:
            streams = CompoundFile(file)
            if streams.has_stream("EncryptedPackage"):
                raise JobFailed("This file is protected by a password. Upload it without one.")
            yield streams
    except JobFailed:
        raise
    except (OSError, ValueError, IndexError, KeyError) as error:  # olefile raises any of these on damaged files
        raise unreadable_file("a document", "it is damaged.") from error
