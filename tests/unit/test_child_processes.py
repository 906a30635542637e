"""Child processes: what they get, how they end, and that starting one does not copy the server."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from fastback.kit.processes.child_process import DEVNULL, PIPE, RunningProcess, start_process

#: Bytes that a server with much in its memory may have, and of one page.
MEMORY, PAGE = 64 * 1024 * 1024, 4096


async def start_python(code: str, **options: Any) -> RunningProcess:
    return await start_process(sys.executable, "-c", code, **options)


def list_children() -> set[int]:
    return {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


async def test_a_process_gets_its_streams_directory_variables_and_descriptors(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    inherited = os.dup(reading)
    os.set_inheritable(inherited, True)
    code = (
        "import os, sys; number = os.environ['NUMBER']; os.write(2, b'x'); print(os.getcwd(), len(os.environ) < 4,"
        "os.getsid(0) == os.getpid(), [n for n in range(3, 200) if os.path.exists(f'/proc/self/fd/{n}')] == "
        "[int(number)]);"
        "os.fdopen(int(number), 'wb').write(sys.stdin.buffer.read().upper())"
    )
    process = await start_python(
        code,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={"NUMBER": str(writing)},
        cwd=str(tmp_path),
        pass_fds=[writing],
        start_new_session=True,
    )
    os.close(writing)
    os.close(inherited)
    assert process.stdin is not None and process.stdout is not None and process.stderr is None
    process.stdin.write(b"a text " * 100_000)
    process.stdin.close()
    content = bytearray()
    while part := await asyncio.to_thread(os.read, reading, 1 << 20):
        content += part
    os.close(reading)
    assert content == b"A TEXT " * 100_000
    assert (await process.stdout.read()).decode().split() == [str(tmp_path), "True", "True", "True"]
    assert await process.wait() == process.returncode == 0


async def test_the_exit_code_says_how_a_process_ended() -> None:
    process = await start_python("raise SystemExit(7)")
    assert await process.wait() == 7
    with pytest.raises(ProcessLookupError):
        process.kill()
    process = await start_python("import time; time.sleep(600)")
    assert process.returncode is None
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    process = await start_process("sh", "-c", "kill -PIPE $$")  # Python ignores it, and others do not
    assert await process.wait() == -signal.SIGPIPE


async def test_a_program_that_is_missing_is_an_error_and_leaves_nothing_open() -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        await start_process("no-such-program", stdin=PIPE, stdout=PIPE, stderr=PIPE)
    assert len(os.listdir("/proc/self/fd")) == descriptors


async def test_a_start_that_is_cancelled_leaves_no_process_and_nothing_open() -> None:
    await (await start_python("")).wait()
    children, descriptors = list_children(), len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        starting = asyncio.create_task(start_python("import time; time.sleep(600)", stdin=PIPE, stdout=PIPE))
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
    async with asyncio.timeout(10):
        while list_children() - children or len(os.listdir("/proc/self/fd")) > descriptors:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_starting_a_process_copies_no_memory() -> None:
    """A fork would have each page copied that the server writes to afterwards."""

    async def count_copied_pages() -> int:
        content = bytearray(b"x") * MEMORY
        pages = range(0, MEMORY, PAGE)
        process = await start_python("import time; time.sleep(600)")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for position in pages:
            content[position] = 1
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        process.kill()
        await process.wait()
        return faults

    uvloop = pytest.importorskip("uvloop")
    assert uvloop.run(count_copied_pages()) < MEMORY // PAGE // 10
