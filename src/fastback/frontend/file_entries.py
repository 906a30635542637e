"""Entries of static files: found when they are requested, with their content types and compressed copies."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

#: Suffix of a compressed copy by encoding, best compression first.
COMPRESSED_SUFFIXES = {"br": ".br", "gzip": ".gz"}
#: A compressed copy may be older than its file by this much (ns): copying a directory does not preserve the order.
_MAX_AGE_DIFFERENCE_NS = 60_000_000_000
#: Entries that a table remembers; a page asks for about a hundred files.
_MAX_ENTRIES = 1000

for _suffix, _type in (
    (".js", "text/javascript"),
    (".mjs", "text/javascript"),
    (".wasm", "application/wasm"),
    (".webp", "image/webp"),
    (".svg", "image/svg+xml"),
    (".webmanifest", "application/manifest+json"),
    (".json", "application/json"),
    (".woff2", "font/woff2"),
):
    mimetypes.add_type(_type, _suffix)


class FileEntry(msgspec.Struct, gc=False):
    """A file that can be requested; its path is `root` plus `name`."""

    root: str
    name: str
    size: int
    modified_ns: int
    content_type: str
    immutable: bool
    #: Sizes of the compressed copies; 0 if a copy does not exist.
    br: int = 0
    gzip: int = 0

    @property
    def path(self) -> str:
        return self.root + self.name

    @property
    def modified(self) -> int:
        return self.modified_ns // 1_000_000_000

    def list_encodings(self) -> list[str]:
        return [name for name, size in (("br", self.br), ("gzip", self.gzip)) if size]

    def build_etag(self, encoding: str | None) -> str:
        return f'"{self.modified_ns:x}-{self.size:x}{"-" + encoding if encoding else ""}"'


@lru_cache(maxsize=256)
def _guess_content_type(suffix: str) -> str:
    kind = mimetypes.guess_type("file" + suffix)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _stat_file(path: str) -> os.stat_result | None:
    """Return the status of a readable file; None for what does not exist, is no file, or cannot be a path."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _is_plain(name: str) -> bool:
    """Return whether a relative path leads downwards only, by names that URLs have."""
    return "\\" not in name and not any(part in ("", ".", "..") for part in name[1:].split("/"))


class FileTable:
    """The files below some directories, by the URL path at which they are requested; each is found when asked for.

    `roots` are directories with the prefix of their URLs; of two files for one URL the first one is used.
    """

    def __init__(self, roots: Sequence[tuple[str, Path]]) -> None:
        self._roots = [(prefix, str(root)) for prefix, root in roots]
        #: The entries that were asked for.
        self._entries: dict[str, FileEntry] = {}

    def find_entry(self, url: str) -> FileEntry | None:
        """Return the entry of a URL path, or None.

        A file that was edited gets a new entry; hashed assets never change.
        """
        entry = self._entries.get(url)
        if entry is not None:
            if entry.immutable:
                return entry
            status = _stat_file(entry.path)
            if status is not None and (status.st_mtime_ns, status.st_size) == (entry.modified_ns, entry.size):
                return entry
            del self._entries[url]
        entry = self._read_entry(url)
        if entry is not None:
            if len(self._entries) >= _MAX_ENTRIES:
                self._entries.clear()
            self._entries[url] = entry
        return entry

    def _read_entry(self, url: str) -> FileEntry | None:
        for prefix, root in self._roots:
            name = url.removeprefix(prefix)
            if url.startswith(f"{prefix}/") and _is_plain(name):
                entry = _read_entry(root, name, is_immutable=url.startswith("/_app/immutable/"))
                if entry is not None:
                    return entry
        return None


def _read_entry(root: str, name: str, *, is_immutable: bool) -> FileEntry | None:
    """Return the entry of a file, or None; a compressed copy is no file of its own."""
    status = _stat_file(root + name)
    stem, suffix = os.path.splitext(name)
    if status is None or (suffix in COMPRESSED_SUFFIXES.values() and _stat_file(root + stem) is not None):
        return None
    entry = FileEntry(root, name, status.st_size, status.st_mtime_ns, _guess_content_type(suffix), is_immutable)
    for encoding, copy_suffix in COMPRESSED_SUFFIXES.items():
        copy = _stat_file(root + name + copy_suffix)
        if copy is not None and copy.st_mtime_ns + _MAX_AGE_DIFFERENCE_NS >= status.st_mtime_ns:
            setattr(entry, encoding, copy.st_size)
    return entry
