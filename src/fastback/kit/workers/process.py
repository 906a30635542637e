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

from fastback.kit.workers.errors import ReplyTooLarge
from fastback.kit.workers.frames import HEAD, decode


class Limits(msgspec.Struct, frozen=True):
    """What the processes of a pool may take.

    Attributes:
        processes: how many run at the same time.
        seconds: how long a job may take.
        memory: bytes of addresses of one process; None where the code maps more than it uses.
        answer: bytes of an answer.
        idle: seconds after which an idle process ends.
        jobs: how many jobs one process does before another takes over.
        niceness: how far others go first, from 0 to 19.
        isolated: each job gets a fresh process in an empty directory of its own; what it leaves there is removed, and
            what it leaves running is killed.
    """

    processes: int = 1
    seconds: float = 60.0
    memory: int | None = None
    largest_reply: int | None = None
    idle: float = 30.0
    jobs: int = 1000
    niceness: int = 10
    isolated: bool = False


class WorkerProcess:
    """A running process; `directory` is its own where it is isolated."""

    def __init__(
        self, process: asyncio.subprocess.Process, limits: Limits, directory: tempfile.TemporaryDirectory[str] | None
    ) -> None:
        self.process = process
        self.jobs = 0
        self.idle_timer: asyncio.TimerHandle | None = None
        self._limits = limits
        self._directory = directory

    @classmethod
    async def start(cls, module: str, limits: Limits, environment: Mapping[str, str]) -> WorkerProcess:
        """Start a process that does the jobs of a module."""
        directory = None
        if limits.isolated:
            directory = tempfile.TemporaryDirectory(prefix="fastback-job-", ignore_cleanup_errors=True)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "fastback.kit.workers.child",
                module,
                str(limits.memory or 0),
                str(limits.niceness),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
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
        """Return the answer to a job, which is given as a frame.

        Raises:
            AnswerTooLarge: the answer is longer than the limit, and is not read.
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
        """Kill the process; an isolated one with everything that it has started."""
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
            self.kill()  # what it has started may still run
            await asyncio.to_thread(self._directory.cleanup)
        return code

    async def end(self) -> None:
        """Let the process end by itself, as it does when its input ends."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 2)
        except TimeoutError:
            self.kill()
        await self.wait()
