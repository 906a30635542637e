"""Fetching the frontend: Open WebUI's own, unmodified, out of the package it is published in.

`pip download` gets the wheel, so that pip's own configuration, mirrors and proxies count. What is needed of it is
unpacked into the cache, and what compresses is compressed once, at this moment.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from fastback import REFERENCE_VERSION

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
_WORK = ".fetching-"
_ABANDONED = 86_400.0

Report = Callable[[str, int, int], None]


class FetchError(Exception):
    """The frontend could not be had; the text is one line that says why."""


def default_cache() -> Path:
    """The user's cache directory."""
    chosen = os.environ.get("FASTBACK_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fastback"


def location(version: str = REFERENCE_VERSION, cache: Path | None = None) -> Path:
    """Where a version is kept: `frontend/` and `static/` stand in it."""
    return (cache or default_cache()) / f"frontend-{version}"


def is_complete(path: Path) -> bool:
    return (path / "complete").is_file()


def _quiet(what: str, done: int, of: int) -> None:
    pass


def ensure(
    version: str = REFERENCE_VERSION, *, cache: Path | None = None, force: bool = False, report: Report = _quiet
) -> Path:
    """The directory of a version, fetched when it is not there yet. Two processes at once do no harm.

    Raises:
        FetchError: pip cannot get it, it is not what it should be, or the cache cannot be written.
    """
    if _VERSION.fullmatch(version) is None:
        raise FetchError(f"{version!r} is no version")
    target = location(version, cache)
    if is_complete(target) and not force:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_WORK, ignore_cleanup_errors=True) as name:
            work = Path(name)
            wheel = _download(version, work)
            _check(wheel, version)
            made = work / "made"
            _unpack(wheel, made, report)
            wheel.unlink()
            _compress(made, report)
            (made / "complete").write_text(version)
            _put(made, target, work / "old", force=force)
    except OSError as error:
        raise FetchError(f"cannot keep the frontend in {target.parent}: {error.strerror or error}") from error
    return target


def _sweep(cache: Path) -> None:
    """Remove what a killed process left long ago; younger work may be going on."""
    for left in cache.glob(_WORK + "*"):
        if time.time() - left.stat().st_mtime > _ABANDONED:
            shutil.rmtree(left, ignore_errors=True)


def _put(made: Path, target: Path, old: Path, *, force: bool) -> None:
    """Move what was made to its place. A complete directory of another process, which was faster, stays."""
    if target.exists() and (force or not is_complete(target)):
        target.rename(old)
    try:
        made.rename(target)
    except OSError:
        if not is_complete(target):
            raise


def _download(version: str, work: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--disable-pip-version-check", "-d", str(work), f"open-webui=={version}"),
    ]
    # pip draws its progress on its standard output; ours is for the result.
    shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, check=False)
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise FetchError(f"pip cannot get open-webui {version}: {_reason(done.stderr.decode(errors='replace'))}")
    return wheels[0]


def _reason(said: str) -> str:
    """The line of pip's messages that says most."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in lines):
        return "pip is not installed beside this Python"
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["no wheel came"])[-1]
    # pip ends with "nothing found" then, too; only its warnings tell why.
    broken = any("after connection broken by" in line for line in lines)
    return f"{reason} (the package index could not be reached)" if broken else reason


def _check(wheel: Path, version: str) -> None:
    wanted = HASHES.get(version)
    if wanted is None:
        return
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise FetchError(f"the package open-webui {version} is not the one that is known (sha256 {found})")


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
