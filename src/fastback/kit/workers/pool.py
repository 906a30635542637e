"""The server's side of workers: a pool of processes that run one job at a time.

A process starts when a job finds no idle one, and ends after it was idle for a while. The pool ends it when a job takes
too long, by the clock or in processor time, when the caller of a job is cancelled, or after a number of jobs (which
also frees what libraries leak). A job that crashes its process does not affect other jobs; one whose process is killed
from outside runs once more. With `Limits.isolated` each job gets a process of its own, which ends with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

import fastback
from fastback.kit.priority_semaphore import PrioritySemaphore
from fastback.kit.workers.errors import (
    JobDiskFull,
    JobErrored,
    JobFailed,
    JobTimeout,
    PoolBusy,
    WorkerCrashed,
    WorkerDied,
    WorkerKilled,
)
from fastback.kit.workers.frames import encode_frame
from fastback.kit.workers.process import Limits, WorkerProcess

__all__ = ["Limits", "WorkerPool"]

log = logging.getLogger("fastback.workers")

#: Exit codes of a process that was ended from outside: the system kills where memory is short, a service manager may
#: end all processes of the server.
_KILLING_SIGNALS = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT})
#: Seconds before a job whose process was killed runs once more, in which others may give memory back.
RETRY_PAUSE_SECONDS = 1.0
#: Variables of the server's environment that a worker gets: paths and locale, never a secret.
_PASSED_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "XDG_CACHE_HOME",
)

_pools: WeakSet[WorkerPool] = WeakSet()


class WorkerPool:
    """Run jobs in processes that import `module`, which has `handle(job) -> result`; both are values of MessagePack."""

    #: Jobs that may wait in each pool of the process.
    max_waiting: ClassVar[int] = 1000

    def __init__(self, module: str, limits: Limits, *, name: str, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._module = module
        self._limits = limits
        self._environment = {key: os.environ[key] for key in _PASSED_VARIABLES if key in os.environ} | dict(
            environment or {}
        )
        if limits.isolated:
            self._environment["PYTHONPATH"] = _absolute_python_path()
        self._idle: list[WorkerProcess] = []
        self._running: set[WorkerProcess] = set()
        self._semaphore = PrioritySemaphore()
        self._endings: set[asyncio.Task[Any]] = set()
        self._closed = False
        _pools.add(self)

    @property
    def process_ids(self) -> list[int]:
        """Return the ids of the running processes."""
        return [worker.process.pid for worker in self._running]

    @property
    def waiting_count(self) -> int:
        """Return the number of jobs that wait for a process."""
        return self._semaphore.waiting_count

    async def run_job(self, job: Any, *, urgent: bool = False, seconds: float | None = None) -> Any:
        """Run a job and return its result; urgent jobs go before others. `seconds` replaces the time limit of the pool.

        Raises:
            JobFailed: the job cannot be done; the text is for the user.
            JobErrored: the job raised an unexpected error, which is logged.
            JobDiskFull: the job could not write its files.
            PoolBusy: too many jobs wait already.
            JobTimeout, ReplyTooLarge, WorkerCrashed, WorkerKilled, WorkerDied: its process was lost.
        """
        seconds = seconds or self._limits.seconds
        if self.waiting_count >= WorkerPool.max_waiting:
            log.warning("%s: a job was refused, %d are waiting", self.name, WorkerPool.max_waiting)
            raise PoolBusy("too many jobs are waiting")
        async with self._semaphore.acquire(self._limits.processes, urgent=urgent):
            try:
                reply = await self._run_in_process(job, seconds)
            except WorkerKilled as error:
                if self._limits.isolated or self._closed:  # an isolated job may have changed something
                    raise
                log.warning("%s: %s, retrying the job", self.name, error)
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
                reply = await self._run_in_process(job, seconds)
        if "result" in reply:
            return reply["result"]
        if "failed" in reply:
            if reply.get("cause"):
                log.info("%s: a job failed: %s (%s)", self.name, reply["failed"], reply["cause"])
            raise JobFailed(reply["failed"])
        if "full" in reply:
            log.warning("%s: a job failed: its disk is full", self.name)
            raise JobDiskFull("the disk of the server is full") from OSError(reply["full"], os.strerror(reply["full"]))
        log.warning("%s: a job failed with an error: %s\n%s", self.name, reply.get("error"), reply.get("trace"))
        raise (JobErrored if reply.get("trace") else WorkerDied)(str(reply.get("error")))

    async def _run_in_process(self, job: Any, seconds: float) -> Any:
        worker = await self._acquire_process()
        try:
            reply = await asyncio.wait_for(worker.run_job(encode_frame(job)), seconds)
        except TimeoutError:
            self._kill_process(worker)
            raise JobTimeout(f"it took longer than {seconds:g} seconds") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            # The process ends by itself: a kill now could take its exit code from the task that waits for it.
            self._end_process(worker)
            code = await worker.process.wait()
            if code == -signal.SIGXCPU:
                raise JobTimeout(f"it took longer than {self._limits.cpu_seconds} seconds") from None
            if code in _KILLING_SIGNALS:
                raise WorkerKilled(f"its process was killed ({_describe_exit(code)})") from None
            raise WorkerCrashed(f"its process ended ({_describe_exit(code)})") from None
        except BaseException:
            self._kill_process(worker)
            raise
        self._release_process(worker)
        return reply

    async def _acquire_process(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.pop()
            if worker.idle_timer is not None:
                worker.idle_timer.cancel()
            if worker.process.returncode is None:
                return worker
            self._running.discard(worker)
        if self._closed:
            raise WorkerDied("the server is stopping")
        worker = await WorkerProcess.start(self._module, self._limits, self._environment)
        self._running.add(worker)
        log.debug("%s: process %d started", self.name, worker.process.pid)
        return worker

    def _release_process(self, worker: WorkerProcess) -> None:
        if self._limits.isolated:
            self._kill_process(worker)
            return
        if worker.jobs >= self._limits.jobs or self._closed:
            self._end_process(worker)
            return
        loop = asyncio.get_running_loop()
        worker.idle_timer = loop.call_later(self._limits.idle, self._end_idle, worker)
        self._idle.append(worker)

    def _end_idle(self, worker: WorkerProcess) -> None:
        if worker in self._idle:
            self._idle.remove(worker)
            self._end_process(worker)

    def _end_process(self, worker: WorkerProcess) -> None:
        self._running.discard(worker)
        self._track_ending(worker.end())

    def _track_ending(self, ending: Coroutine[Any, Any, Any]) -> None:
        """Wait for the end of a process in the background, so that it does not become a zombie."""
        task = asyncio.get_running_loop().create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    def _kill_process(self, worker: WorkerProcess) -> None:
        self._running.discard(worker)
        worker.kill()
        self._track_ending(worker.wait())

    async def close(self) -> None:
        """End every process, also those that run a job."""
        self._closed = True
        for worker in list(self._running):
            if worker in self._idle:
                self._idle.remove(worker)
                self._end_process(worker)
            else:
                self._kill_process(worker)
        if self._endings:
            await asyncio.wait(list(self._endings), timeout=5)


def list_pools() -> dict[str, list[WorkerPool]]:
    """Return the pools of this process by name."""
    by_name: dict[str, list[WorkerPool]] = {}
    for pool in sorted(_pools, key=lambda pool: pool.name):
        by_name.setdefault(pool.name, []).append(pool)
    return by_name


def _absolute_python_path() -> str:
    """Return a PYTHONPATH that finds what the server imports from any directory."""
    entries = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join([str(Path(fastback.__file__).parents[1]), *map(os.path.abspath, entries)])


def _describe_exit(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
