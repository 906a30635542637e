"""Find running plugin processes of a data directory, with the memory that they take; on Linux only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_MODULE = b"fastback.plugin_host"


class PluginProcess(NamedTuple):
    """A running process; memory in bytes, shared pages included and excluded."""

    pid: int
    memory: int
    own_memory: int


def list_plugin_processes(data_directory: Path) -> Iterator[PluginProcess]:
    """Yield the plugin processes of the servers that use a data directory."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            if _MODULE in arguments and arguments[-1] == str(data_directory).encode():
                yield PluginProcess(int(directory.name), *_read_memory(directory))
        except OSError:  # it has just ended, or belongs to another user
            continue


def _read_memory(directory: Path) -> tuple[int, int]:
    """Return the resident memory of a process, and the part that no other process shares."""
    memory = own = 0
    for line in (directory / "smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "Rss":
            memory = int(rest.split()[0]) * 1024
        elif name in ("Private_Clean", "Private_Dirty"):
            own += int(rest.split()[0]) * 1024
    return memory, own
