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

    def read_stream(self, *name: str, max_size: int | None = None) -> bytes:
        """Return the content of a stream, or its first `max_size` bytes; empty where the stream is missing."""
        if not self.has_stream(*name):
            return b""
        entry = self._file.root
        for part in name:
            entry = entry.kids_dict[part.lower()]
        if entry.size >= self._file.minisectorcutoff:
            return self._read_sectors(entry.isectStart, entry.size if max_size is None else min(entry.size, max_size))
        with self._file.openstream("/".join(name)) as stream:
            content: bytes = stream.read(-1 if max_size is None else max_size)
        return content

    def _read_sectors(self, sector: int, size: int) -> bytes:
        """Return the content of a chain of sectors, whose parts are mostly adjacent.

        olefile reads sectors one by one, and needs three times the memory.
        """
        file, sector_size, following = self._file.fp, self._file.sectorsize, self._file.fat
        parts: list[bytes] = []
        while size > 0 and sector < len(following):
            first, count = sector, 1
            while count * sector_size < size and following[sector] == sector + 1 < len(following):
                sector += 1
                count += 1
            file.seek((first + 1) * sector_size)  # the first sector is the header
            part = file.read(min(count * sector_size, size))
            if not part:
                break
            parts.append(part)
            size -= len(part)
            sector = following[sector]
        return b"".join(parts)


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
    except (
        OSError,
        ValueError,
        IndexError,
        KeyError,
        RecursionError,
    ) as error:  # olefile raises these on damaged files
        raise unreadable_file("a document", "it is damaged.") from error
