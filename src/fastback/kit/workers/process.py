"""One worker process and its pipes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from fastback.kit.processes.child_process import DEVNULL, PIPE, RunningProcess, start_process
from fastback.kit.workers.errors import ReplyTooLarge
from fastback.kit.workers.frames import HEAD, decode


class Limits(msgspec.Struct, frozen=True):
    """Limits of the processes of a pool.

    Attributes:
        processes: number of processes that run at the same time.
        seconds: time limit of a job, by the clock.
        cpu_seconds: limit of a job in seconds of processor time; None for no limit. Unlike the clock, it does not count
            the time that other processes take.
        memory: bytes of address space of one process; None where the code maps more than it uses.
        answer: bytes of an answer.
        idle: seconds after which an idle process ends.
        jobs: number of jobs after which a process is replaced.
        niceness: of the processes, from 0 to 19.
        isolated: whether each job gets a new process in an empty directory, which is removed afterwards; processes that
            the job leaves behind are killed.
    """

    processes: int = 1
    seconds: float = 60.0
    cpu_seconds: int | None = None
    memory: int | None = None
    largest_reply: int | None = None
    idle: float = 30.0
    jobs: int = 1000
    niceness: int = 10
    isolated: bool = False


class WorkerProcess:
    """A running process; an isolated one has a `directory` of its own."""

    def __init__(
        self, process: RunningProcess, limits: Limits, directory: tempfile.TemporaryDirectory[str] | None
    ) -> None:
        self.process = process
        self.jobs = 0
        self.idle_timer: asyncio.TimerHandle | None = None
        self._limits = limits
        self._directory = directory

    @classmethod
    async def start(cls, module: str, limits: Limits, environment: Mapping[str, str]) -> WorkerProcess:
        """Start a process that runs the jobs of a module."""
        directory = None
        if limits.isolated:
            directory = tempfile.TemporaryDirectory(prefix="fastback-job-", ignore_cleanup_errors=True)
        try:
            process = await start_process(
                sys.executable,
                "-m",
                "fastback.kit.workers.child",
                module,
                str(limits.memory or 0),
                str(limits.niceness),
                str(limits.cpu_seconds or 0),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                cwd=directory.name if directory is not None else None,
                env=environment,
                start_new_session=limits.isolated,
                limit=1 << 20,
            )
        except BaseException:
            if directory is not None:
                directory.cleanup()
            raise
        return cls(process, limits, directory)

    async def run_job(self, content: bytearray) -> Any:
        """Send a job, given as a frame, and return the reply.

        Raises:
            AnswerTooLarge: the reply is larger than the limit, and is not read.
            IncompleteReadError, ConnectionError: the process ended.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(content)
        await stdin.drain()
        (size,) = HEAD.unpack(await stdout.readexactly(HEAD.size))
        if self._limits.largest_reply is not None and size > self._limits.largest_reply:
            raise ReplyTooLarge(f"its answer is longer than {self._limits.largest_reply} bytes")
        self.jobs += 1
        return decode(await stdout.readexactly(size))

    def kill(self) -> None:
        """Kill the process, and all processes that an isolated one has started."""
        if self.idle_timer is not None:
            self.idle_timer.cancel()
        with suppress(ProcessLookupError, PermissionError):
            if self._limits.isolated:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()

    async def wait(self) -> int:
        """Wait until the process has ended, and remove its directory. Return its exit code."""
        code = await self.process.wait()
        if self._directory is not None:
            self.kill()  # processes that it has started may still run
            await asyncio.to_thread(self._directory.cleanup)
        return code

    async def end(self) -> None:
        """Close the input of the process, which then ends by itself; kill it if it does not."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 2)
        except TimeoutError:
            self.kill()
        await self.wait()
