"""The configuration of the memory allocator."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Runs threads that allocate at the same time, then writes glibc's report on its arenas.
PROGRAM = """
import ctypes, sys, threading
from fastback.kit.memory_allocator import configure_allocator
print(configure_allocator() if sys.argv[2] == "configured" else None)
barrier = threading.Barrier(4)
def work():
    barrier.wait()
    blocks = [b"x" * 100_000 for _ in range(100)]
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another libc")
@pytest.mark.parametrize(("mode", "output", "is_shared"), [("configured", "True", True), ("default", "None", False)])
def test_threads_share_an_arena(tmp_path: Path, mode: str, output: str, is_shared: bool) -> None:
    report = tmp_path / "account.xml"
    command = [sys.executable, "-c", PROGRAM, str(report), mode]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == output
    assert (report.read_text().count("<heap nr=") == 1) is is_shared
