"""What the allocator is told."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

#: Threads that allocate at once; then glibc's own account of its arenas.
PROGRAM = """
import ctypes, sys, threading
from fastback.kit.memory_allocator import configure_allocator
print(configure_allocator() if sys.argv[2] == "told" else None)
together = threading.Barrier(4)
def work():
    together.wait()
    kept = [b"x" * 100_000 for _ in range(100)]
    together.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another libc")
@pytest.mark.parametrize(("told", "answer", "alone"), [("told", "True", True), ("not", "None", False)])
def test_threads_share_an_arena(tmp_path: Path, told: str, answer: str, alone: bool) -> None:
    account = tmp_path / "account.xml"
    command = [sys.executable, "-c", PROGRAM, str(account), told]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == answer
    assert (account.read_text().count("<heap nr=") == 1) is alone
