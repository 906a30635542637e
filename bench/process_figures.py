"""Figures of a running process from /proc: memory, open files, threads, and those of its workers apart."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class ProcessFigures(NamedTuple):
    """Memory in MB; `workers` is that of all child processes together."""

    resident: float
    peak: float
    anonymous: float
    workers: float
    open_files: int
    threads: int


def read_status(pid: int, name: str) -> float:
    """Return a number of `/proc/PID/status`; sizes in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            words = line.split()
            return int(words[1]) / 1024 if words[-1] == "kB" else int(words[1])
    raise KeyError(name)


def list_descendants(pid: int) -> list[int]:
    """Return the ids of the child processes, and of theirs."""
    descendants: list[int] = []
    waiting = [pid]
    while waiting:
        try:
            tasks = list(Path(f"/proc/{waiting.pop()}/task").iterdir())
            children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:
            continue  # it has ended
        descendants += children
        waiting += children
    return descendants


def read_figures(pid: int) -> ProcessFigures:
    workers = 0.0
    for child in list_descendants(pid):
        try:
            workers += read_status(child, "VmRSS")
        except (OSError, KeyError):
            continue  # it has ended
    return ProcessFigures(
        resident=read_status(pid, "VmRSS"),
        peak=read_status(pid, "VmHWM"),
        anonymous=read_status(pid, "RssAnon"),
        workers=workers,
        open_files=len(os.listdir(f"/proc/{pid}/fd")),
        threads=int(read_status(pid, "Threads")),
    )


def reset_peak(pid: int) -> None:
    """Let the peak of a process's memory count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def read_processor_time(process_id: int, thread_id: int | None = None) -> float:
    """Return the milliseconds that a process, or one of its threads, has computed."""
    thread_ids = os.listdir(f"/proc/{process_id}/task") if thread_id is None else [thread_id]
    return sum(_read_thread_time(process_id, thread) for thread in thread_ids)


def _read_thread_time(process_id: int, thread_id: int | str) -> float:
    try:
        return int(Path(f"/proc/{process_id}/task/{thread_id}/schedstat").read_text().split()[0]) / 1e6
    except OSError:  # it has ended
        return 0.0
