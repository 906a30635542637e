"""The demo server in a process of its own, on a free port of this machine."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def find_free_port() -> int:
    """Return a free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start_process(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a process that ignores Ctrl-C until its server handles it: its parent ends it."""
    if threading.current_thread() is not threading.main_thread():
        return subprocess.Popen(command)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.Popen(command)
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def run_demo_server(*, rate: float = 0.0, port: int | None = None) -> Iterator[str]:
    """Run the server and yield its URL.

    Raises:
        RuntimeError: the server did not start.
    """
    port = port or find_free_port()
    command = [sys.executable, "-m", "fastback.demo", "--port", str(port), "--rate", str(rate)]
    process = _start_process(command)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise RuntimeError("the demo model server ended at once")
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError("the demo model server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
