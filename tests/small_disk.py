"""A disk of some megabytes in memory, which a test fills and frees."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A file system at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Write until nothing more fits."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)


@contextmanager
def mount_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk, and remove it at the end; skip the test where that is not allowed."""
    with tempfile.TemporaryDirectory(prefix="fastback_disk_") as directory:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", directory]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True, timeout=10).returncode:
            pytest.skip("file systems cannot be mounted here")
        try:
            yield SmallDisk(Path(directory))
        finally:
            subprocess.run(["umount", "-l", directory], check=True, timeout=10)
