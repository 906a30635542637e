"""Fetching the frontend: Open WebUI's own, unmodified, out of the package it is published in.

What is needed of it is unpacked into the cache, and what compresses is compressed once, at this moment.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import zipfile
import zlib
from pathlib import Path

from fastback import REFERENCE_VERSION
from fastback.kit import package_download
from fastback.kit.package_download import FetchError, Package, Report, get_cache_directory, is_complete

__all__ = ["HASHES", "FetchError", "compress_file", "ensure", "get_cache_directory", "is_complete", "location"]

#: SHA-256 of the wheels that were looked at.
HASHES = {"0.12.4": "02e9caba96234db3fa17a92e56163b3f7f2b8ca8227fa886b85c178d696483f6"}

_WANTED = ("open_webui/frontend/", "open_webui/static/", "open_webui/CHANGELOG.md")
_COMPRESSED = frozenset(
    {".js", ".mjs", ".css", ".html", ".json", ".map", ".svg", ".txt", ".xml", ".wasm", ".md", ".csv", ".ts", ".ttf"}
    | {".webmanifest", ".ico"}
)
_SMALLEST = 1024
#: From this size on (bytes), and for source maps, brotli works at `_QUICK`: the best quality takes three times as long
#: there and gains a hundredth or two.
_LARGE = 1_000_000
_BEST, _QUICK = 9, 6

_VERSION = re.compile(r"\d[\w.+!-]*")


def location(version: str = REFERENCE_VERSION, cache: Path | None = None) -> Path:
    """Where a version is kept: `frontend/` and `static/` stand in it."""
    return (cache or get_cache_directory()) / f"frontend-{version}"


def ensure(
    version: str = REFERENCE_VERSION,
    *,
    cache: Path | None = None,
    force: bool = False,
    report: Report = package_download.ignore_progress,
) -> Path:
    """The directory of a version, fetched when it is not there yet. Two processes at once do no harm.

    Raises:
        FetchError: pip cannot get it, it is not what it should be, or the cache cannot be written.
    """
    if _VERSION.fullmatch(version) is None:
        raise FetchError(f"{version!r} is no version")

    def make(wheel: Path, made: Path) -> None:
        _unpack(wheel, made, report)
        wheel.unlink()
        _compress(made, report)

    package = Package("open-webui", version, "the frontend", HASHES.get(version))
    return package_download.ensure_package(package, location(version, cache), make, force=force)


def _unpack(wheel: Path, target: Path, report: Report) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [one for one in archive.infolist() if one.filename.startswith(_WANTED) and not one.is_dir()]
            for done, one in enumerate(names, 1):
                path = (target / one.filename.removeprefix("open_webui/")).resolve()
                if not path.is_relative_to(target.resolve()):
                    raise FetchError("the package holds a path that leads out of it")
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                report("unpacking", done, len(names))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError("the package is broken") from error
    if not (target / "frontend" / "index.html").is_file():
        raise FetchError("the package holds no built frontend")


def compress_file(path: str) -> None:
    """Write `path.gz` and `path.br` where they are smaller."""
    import brotli

    content = Path(path).read_bytes()
    quality = _QUICK if len(content) > _LARGE or path.endswith(".map") else _BEST
    # A window wider than the file costs most of the time with small ones.
    window = max(16, min(22, len(content).bit_length()))
    for suffix, packed in (
        (".br", brotli.compress(content, quality=quality, lgwin=window)),
        (".gz", gzip.compress(content, 6, mtime=0)),
    ):
        if len(packed) < len(content) * 0.95:
            Path(path + suffix).write_bytes(packed)


def _compress(target: Path, report: Report) -> None:
    # The server imports this module and compresses nothing.
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    found = (
        (path.stat().st_size, str(path)) for path in target.rglob("*") if path.suffix in _COMPRESSED and path.is_file()
    )
    # The largest first, so that no core is left alone with one at the end.
    paths = [path for size, path in sorted(found, reverse=True) if size > _SMALLEST]
    try:
        with ProcessPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            for done, _ in enumerate(pool.map(compress_file, paths, chunksize=4), 1):
                report("compressing", done, len(paths))
    except BrokenProcessPool as error:
        raise FetchError("a process that compressed files was killed (is there too little memory?)") from error
