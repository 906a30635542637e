"""Fetching the frontend: Open WebUI's own, unmodified, out of the package it is published in.

`pip download` gets the wheel, so that pip's own configuration, mirrors and proxies count. What is needed of it is
unpacked into the cache, and what compresses is compressed once, at this moment.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from fastback import REFERENCE_VERSION

#: SHA-256 of the wheels that were looked at.
HASHES = {"0.12.4": "02e9caba96234db3fa17a92e56163b3f7f2b8ca8227fa886b85c178d696483f6"}

_WANTED = ("open_webui/frontend/", "open_webui/static/", "open_webui/CHANGELOG.md")
_COMPRESSED = {".js", ".css", ".html", ".json", ".svg", ".txt", ".xml", ".wasm", ".mjs", ".md", ".webmanifest", ".ico"}
_SMALLEST = 1024

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
    target = location(version, cache)
    if is_complete(target) and not force:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as name:
            work = Path(name)
            wheel = _download(version, work)
            _check(wheel, version)
            made = work / "made"
            _unpack(wheel, made, report)
            _compress(made, report)
            (made / "complete").write_text(version)
            if target.exists():
                shutil.rmtree(target, ignore_errors=True)
            try:
                made.rename(target)
            except OSError:
                if not is_complete(target):  # another process may have been faster
                    raise
    except OSError as error:
        raise FetchError(f"cannot keep the frontend in {target.parent}: {error.strerror or error}") from error
    return target


def _download(version: str, work: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--disable-pip-version-check", "-d", str(work), f"open-webui=={version}"),
    ]
    quiet = not sys.stderr.isatty()
    done = subprocess.run(command, stdout=subprocess.DEVNULL if quiet else sys.stderr, stderr=subprocess.PIPE, check=False)
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.startswith("ERROR")]
        raise FetchError(f"pip cannot get open-webui {version}: {lines[-1][7:] if lines else 'no wheel came'}")
    return wheels[0]


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
    except zipfile.BadZipFile as error:
        raise FetchError("the package is broken") from error
    if not (target / "frontend" / "index.html").is_file():
        raise FetchError("the package holds no built frontend")


def compress_file(path: str) -> None:
    """Write `path.gz` and `path.br` where they are smaller."""
    import brotli

    content = Path(path).read_bytes()
    # The best quality takes minutes for the largest files and gains a hundredth.
    quality = 9 if len(content) < 2_000_000 else 5
    for suffix, packed in (
        (".br", brotli.compress(content, quality=quality)),
        (".gz", gzip.compress(content, 6, mtime=0)),
    ):
        if len(packed) < len(content) * 0.95:
            Path(path + suffix).write_bytes(packed)


def _compress(target: Path, report: Report) -> None:
    paths = [
        str(path)
        for path in target.rglob("*")
        if path.suffix in _COMPRESSED and path.is_file() and path.stat().st_size > _SMALLEST
    ]
    paths.sort(key=lambda one: -os.path.getsize(one))
    with ProcessPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for done, _ in enumerate(pool.map(compress_file, paths, chunksize=4), 1):
            report("compressing", done, len(paths))
