"""Entries of static files: scanned from a directory once, with their content types and compressed copies."""

from __future__ import annotations

import mimetypes
import os
from functools import lru_cache
from pathlib import Path

import msgspec

#: Suffix of a compressed copy by encoding, best compression first.
COMPRESSED_SUFFIXES = {"br": ".br", "gzip": ".gz"}
#: A compressed copy may be older than its file by this much (ns): copying a directory does not preserve the order.
_MAX_AGE_DIFFERENCE_NS = 60_000_000_000

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
    """A file that can be requested. There are thousands, so an entry holds little: the path is `root` plus `name`."""

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


def _list_files(root: str, directory: str = "") -> list[tuple[str, tuple[int, int]]]:
    """Return every readable file below `root`: its relative path, size and modification time (ns)."""
    files = []
    try:
        with os.scandir(root + directory) as entries:
            for entry in entries:
                name = f"{directory}/{entry.name}"
                try:
                    if entry.is_dir():
                        if not entry.is_symlink():  # it could lead in a circle
                            files += _list_files(root, name)
                    elif entry.is_file():
                        status = entry.stat()
                        files.append((name, (status.st_size, status.st_mtime_ns)))
                except OSError:
                    continue
    except OSError:
        pass
    return files


def scan_files(root: Path, prefix: str = "") -> dict[str, FileEntry]:
    """Return the files below `root` by the URL path at which they are requested."""
    base = str(root)
    files = dict(_list_files(base))
    entries: dict[str, FileEntry] = {}
    for name, (size, modified) in files.items():
        stem, suffix = os.path.splitext(name)
        if suffix in (".br", ".gz") and stem in files:
            continue  # a compressed copy
        url = prefix + name if prefix else name
        entry = FileEntry(base, name, size, modified, _guess_content_type(suffix), url.startswith("/_app/immutable/"))
        for encoding, copy_suffix in COMPRESSED_SUFFIXES.items():
            copy = files.get(name + copy_suffix)
            if copy is not None and copy[1] + _MAX_AGE_DIFFERENCE_NS >= modified:
                setattr(entry, encoding, copy[0])
        entries[url] = entry
    return entries
