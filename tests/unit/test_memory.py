"""What the allocator is told."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import threading
from fastback.kit.memory import be_thrifty
print(be_thrifty())
def resident():
    return int(open("/proc/self/status").read().split("VmRSS:")[1].split()[0])
def work():
    kept = [b"x" * 100_000 for _ in range(800)]
    del kept
before = resident()
threads = [threading.Thread(target=work) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another libc")
def test_what_threads_needed_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    told, grown = done.stdout.split()
    assert told == "True"
    assert int(grown) < 5_000  # of 80 MB and more (kB); without being told it keeps twice as much
