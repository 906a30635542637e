"""Start child processes: the event loop goes on meanwhile, whatever memory the server has.

`start_process` does what `asyncio.create_subprocess_exec` does. That of uvloop forks the server; where the system lacks
what this needs, it is used.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from subprocess import DEVNULL, PIPE
from typing import Any, NamedTuple, Protocol

from fastback.kit.processes.spawning import Program, can_spawn, spawn

__all__ = ["DEVNULL", "PIPE", "RunningProcess", "start_process"]

#: One thread starts all processes. It lasts as long as the server: the system kills a worker whose parent thread ends.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="start-processes")


class RunningProcess(Protocol):
    """What `asyncio.subprocess.Process` and `ChildProcess` have in common."""

    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...

    @property
    def stdout(self) -> asyncio.StreamReader | None: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int: ...


async def start_process(
    *arguments: str,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
    start_new_session: bool = False,
    limit: int = 1 << 16,
) -> RunningProcess:
    """Start a process. Each of its streams is that of the server (None), `PIPE` or `DEVNULL`.

    `start_new_session`: whether the process leads a session, and so a process group. `limit`: bytes to read ahead.

    Raises:
        OSError: it cannot be started.
    """
    if not _is_available():
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            start_new_session=start_new_session,
            limit=limit,
        )
    environment = dict(os.environ) if env is None else env
    program = Program(arguments, environment, descriptors=pass_fds, directory=cwd, has_session=start_new_session)
    starting = asyncio.get_running_loop().run_in_executor(_starter, _start, program, (stdin, stdout, stderr))
    try:
        process = ChildProcess(await _finish(starting))
    except asyncio.CancelledError:
        if starting.exception() is None:
            ChildProcess(starting.result()).abandon()
        raise
    try:
        await process.open_streams(limit)
    except BaseException:
        process.abandon()
        raise
    return process


async def _finish(starting: asyncio.Future[_Started]) -> _Started:
    """Wait for the thread, also where this is cancelled: it uses the caller's descriptors for some milliseconds."""
    cancellation: asyncio.CancelledError | None = None
    while not starting.done():
        try:
            await asyncio.wait([starting])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return starting.result()


@cache
def _is_available() -> bool:
    return sys.platform.startswith("linux") and _has_process_descriptors() and can_spawn()


def _has_process_descriptors() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):  # an older kernel, or a sandbox
        return False
    return True


class _Started(NamedTuple):
    """A new process: its id, the descriptor that becomes readable at its end, and this side's ends of its pipes."""

    pid: int
    descriptor: int
    pipes: tuple[int | None, int | None, int | None]


def _start(program: Program, streams: tuple[int | None, int | None, int | None]) -> _Started:
    """Start a process in this thread."""
    with ExitStack() as own_ends, ExitStack() as other_ends:

        def add(stack: ExitStack, descriptor: int) -> int:
            if descriptor <= 2:  # a server without standard streams has these numbers free
                import fcntl

                low, descriptor = descriptor, fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)
                os.close(low)
            stack.callback(os.close, descriptor)
            return descriptor

        pipes: list[int | None] = [None, None, None]
        child_ends: list[int | None] = [None, None, None]
        for number, stream in enumerate(streams):
            if stream == PIPE:
                reading, writing = os.pipe()
                own, other = (writing, reading) if number == 0 else (reading, writing)
                pipes[number], child_ends[number] = add(own_ends, own), add(other_ends, other)
            elif stream == DEVNULL:
                child_ends[number] = add(other_ends, os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            else:
                child_ends[number] = stream
        pid = spawn(program._replace(streams=(child_ends[0], child_ends[1], child_ends[2])))
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        own_ends.pop_all()
    return _Started(pid, descriptor, (pipes[0], pipes[1], pipes[2]))


class ChildProcess:
    """A process that runs, or has ended."""

    def __init__(self, started: _Started) -> None:
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self.pid = started.pid
        #: The exit code, or the negative number of the signal that has ended it; None while it runs.
        self.returncode: int | None = None
        self._descriptor = started.descriptor
        self._pipes = list(started.pipes)
        self._transports: list[asyncio.BaseTransport] = []
        self._has_ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._note_end)

    async def open_streams(self, limit: int) -> None:
        """Open the streams of the pipes."""
        self.stdout = await self._open_reader(1, limit)
        self.stderr = await self._open_reader(2, limit)
        if self._pipes[0] is not None:
            protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader(), loop=self._loop)
            transport = await self._connect(self._loop.connect_write_pipe, protocol, 0)
            self.stdin = asyncio.StreamWriter(transport, protocol, None, self._loop)
            if self.returncode is not None:
                transport.close()

    async def _open_reader(self, number: int, limit: int) -> asyncio.StreamReader | None:
        if self._pipes[number] is None:
            return None
        reader = asyncio.StreamReader(limit, self._loop)
        await self._connect(self._loop.connect_read_pipe, asyncio.StreamReaderProtocol(reader, loop=self._loop), number)
        return reader

    async def _connect(self, connect: Callable[..., Any], protocol: asyncio.BaseProtocol, number: int) -> Any:
        descriptor, self._pipes[number] = self._pipes[number], None
        assert descriptor is not None
        pipe = os.fdopen(descriptor, "wb" if number == 0 else "rb", buffering=0)
        try:
            transport, _ = await connect(lambda: protocol, pipe)
        except BaseException:
            pipe.close()
            raise
        self._transports.append(transport)
        return transport

    def _note_end(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # something else has taken its exit code
            self.returncode = 255
        if self.stdin is not None:
            self.stdin.close()
        self._has_ended.set()

    def kill(self) -> None:
        """Kill the process.

        Raises:
            ProcessLookupError: it has ended.
        """
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        await self._has_ended.wait()
        assert self.returncode is not None
        return self.returncode

    def abandon(self) -> None:
        """Kill the process and close its pipes: its caller is gone."""
        if self.returncode is None:
            self.kill()
        for transport in self._transports:
            transport.close()
        for descriptor in self._pipes:
            if descriptor is not None:
                os.close(descriptor)
