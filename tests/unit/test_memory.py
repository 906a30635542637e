"""The configuration of the memory allocator."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from fastback.kit.db.connect import connect
from fastback.kit.db.page_caches import MEMORY_LIMIT

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


#: Fills the page caches of three connections to one database, and prints how many bytes SQLite takes.
READING_PROGRAM = """
import asyncio, sys, apsw
from fastback.kit.db.connect import connect
async def main():
    db = await connect("sqlite:///" + sys.argv[1], pragmas={"cache_size": "-8192"} if sys.argv[2] == "chosen" else None)
    await db.execute("make", "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
    numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
    fill = numbers + " INSERT INTO t SELECT i, randomblob(3000) FROM n"
    await db.execute("fill", fill)
    for _ in range(4):
        await asyncio.gather(*(db.fetch_all_in_thread(int, "read", "SELECT sum(length(x)) FROM t") for _ in range(2)))
        await db.fetch_all(int, "read", "SELECT sum(length(x)) FROM t")
    print(apsw.memory_used())
    await db.close()
asyncio.run(main())
"""


@pytest.mark.parametrize(("cache_size", "is_bounded"), [("default", True), ("chosen", False)])
def test_the_page_caches_of_all_connections_are_bounded(tmp_path: Path, cache_size: str, is_bounded: bool) -> None:
    command = [sys.executable, "-c", READING_PROGRAM, str(tmp_path / "a.db"), cache_size]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert (int(result.stdout) < MEMORY_LIMIT + 1_000_000) is is_bounded


async def test_statements_do_not_keep_large_values(tmp_path: Path) -> None:
    """An answer of megabytes stayed in memory with the statements that stored it."""
    db = await connect(f"sqlite:///{tmp_path}/webui.db")
    try:
        await db.execute("make", "CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
        await db.execute("fill", "INSERT INTO t VALUES (:id, :x)", id=1, x="small")
        before = apsw.memory_used()
        text = "INSERT INTO t VALUES (:id, :x) ON CONFLICT (id) DO UPDATE SET x = excluded.x"
        await db.execute("fill", text, id=1, x="x" * 8_000_000)
        await db.execute_many("fill_many", f"{text} ", [{"id": number, "x": "x" * 8_000_000} for number in (2, 3)])
        assert (
            await db.fetch_all(int, "read", "SELECT length(x) FROM t WHERE x = :x", x="x" * 8_000_000)
            == [8_000_000] * 3
        )
        assert apsw.memory_used() - before < 7_000_000  # the caches of pages may be full
    finally:
        await db.close()
