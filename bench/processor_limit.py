"""Limit the processor time of single processes, by the control group `cpu` of Linux."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Where the controller is mounted: version 1, and 2.
_VERSION_1, _VERSION_2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
_PERIOD = 20_000


def _write_quota(group: Path, quota: int) -> None:
    if group.parent == _VERSION_1:
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    else:
        (group / "cpu.max").write_text(f"{quota} {_PERIOD}")


@contextmanager
def limit_processes(process_ids: Iterable[int], share: float) -> Iterator[bool]:
    """Let each process use this share of a core; yield False where the system or its rights do not permit that."""
    root = _VERSION_1 if (_VERSION_1 / "cgroup.procs").exists() else _VERSION_2
    groups: list[tuple[Path, int]] = []
    try:
        try:
            for pid in process_ids:
                group = root / f"bench-{os.getpid()}-{pid}"
                group.mkdir()
                groups.append((group, pid))
                _write_quota(group, round(_PERIOD * share))
                (group / "cgroup.procs").write_text(str(pid))
            is_limited = True
        except OSError:
            is_limited = False
        yield is_limited
    finally:
        for group, pid in groups:
            with suppress(OSError):
                (root / "cgroup.procs").write_text(str(pid))
            with suppress(OSError):
                group.rmdir()
