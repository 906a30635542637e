"""Run the plugin host: `python -m fastback.plugin_host FD FD FD`, with the descriptors of its sockets to the server."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from fastback.kit.memory_allocator import configure_allocator
from fastback.plugin_host.process import HostProcess

#: What Linux adds to this process's share of the memory, in thousandths, to choose the process that it kills.
_OOM_SCORE = 500


def _end_with_parent() -> None:
    """Ask Linux to end this process with the server that started it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _go_first_without_memory() -> None:
    """Ask Linux to kill this process, not the server, where plugins take all memory."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")


def main() -> None:
    _end_with_parent()
    _go_first_without_memory()
    configure_allocator()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which ends this process
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:4]]
    gc.set_threshold(10_000, 20, 20)
    with suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(HostProcess(*sockets).run())


if __name__ == "__main__":
    main()
