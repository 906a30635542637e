"""The worker's side: read jobs from standard input, write replies to standard output, end when the input ends.

Started as `python -m fastback.kit.workers.child MODULE`; the module's `handle(job)` runs a job. A reply has the texts
of a `JobFailed` and its cause, or the type and text of any other error. Output of libraries never reaches the pipe.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from fastback.kit.disk_errors import is_file_disk_full
from fastback.kit.workers.errors import JobFailed
from fastback.kit.workers.frames import HEAD, decode, encode_frame


def _end_with_parent() -> None:
    """Ask Linux to kill this process when the thread of the server that started it ends."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def limit_resources(memory: int | None, niceness: int) -> None:
    """Limit the address space of this process to `memory` bytes, and lower its priority."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(OSError, AttributeError):
        os.nice(niceness)


def limit_processor_time(seconds: int) -> None:
    """Let this process use `seconds` more of processor time; the system then ends it with the signal SIGXCPU.

    The limit of the system counts from the start of the process, which runs many jobs.
    """
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, upper_limit = resource.getrlimit(resource.RLIMIT_CPU)
        limit = math.ceil(time.process_time()) + seconds
        resource.setrlimit(
            resource.RLIMIT_CPU,
            (limit if upper_limit == resource.RLIM_INFINITY else min(limit, upper_limit), upper_limit),
        )


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    content = source.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _describe_error(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}"[:2000] if error is not None else ""


def _find_full_disk(error: BaseException) -> OSError | None:
    """Return the error that says that a disk is full: the error itself, or one while which it was raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and is_file_disk_full(cause):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def run_job(handle: Callable[[Any], Any], job: Any) -> dict[str, Any]:
    """Run a job and return its reply.

    That is `{"result": …}`, `{"failed": text, "cause": text}`, `{"full": errno}` where the disk is full, or
    `{"error": text, "trace": text}`.
    """
    try:
        return {"result": handle(job)}
    except JobFailed as error:
        if (full := _find_full_disk(error)) is not None:
            return {"full": full.errno}
        return {"failed": str(error), "cause": _describe_error(error.__cause__)}
    except MemoryError:
        return {"error": "it needs more memory than is allowed", "trace": ""}
    except Exception as error:
        if (full := _find_full_disk(error)) is not None:
            return {"full": full.errno}
        return {"error": _describe_error(error), "trace": traceback.format_exc()[-8000:]}


def main(module: str, memory: str, niceness: str, cpu_seconds: str) -> None:
    """Run jobs until the input ends."""
    _end_with_parent()
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    limit_resources(int(memory) or None, int(niceness))
    handle = importlib.import_module(module).handle
    while True:
        try:
            (size,) = HEAD.unpack(_read_exactly(source, HEAD.size))
            job = decode(_read_exactly(source, size))
        except EOFError:
            return
        if int(cpu_seconds):
            limit_processor_time(int(cpu_seconds))
        try:
            content = encode_frame(run_job(handle, job))
        except Exception as error:
            content = encode_frame(
                {"error": f"the answer cannot be sent: {error}", "trace": traceback.format_exc()[-8000:]}
            )
        sink.write(content)
        sink.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
