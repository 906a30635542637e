"""Formatting of Python code with Black, in worker processes: a large file takes seconds."""

from __future__ import annotations

from fastback.kit.workers.errors import JobFailed, JobTimeout, PoolBusy, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool

#: Time limit of a formatting (seconds).
TIMEOUT_SECONDS = 30
_LIMITS = Limits(processes=2, seconds=TIMEOUT_SECONDS, niceness=0, isolated=True)


class FormattingError(ValueError):
    """The code cannot be parsed; the text says where and why."""


class CodeFormatter:
    """Format Python code, each request in a fresh process."""

    def __init__(self) -> None:
        self.workers = WorkerPool("fastback.features.code.black_worker", _LIMITS, name="formatting")

    async def format(self, code: str) -> str:
        """Return the code, formatted.

        Raises:
            FormattingError: the code cannot be parsed, or takes too long. PoolBusy: too much code waits.
        """
        try:
            formatted: str = await self.workers.run_job(code.encode(errors="replace"))
        except JobFailed as error:
            raise FormattingError(str(error)) from None
        except JobTimeout:
            raise FormattingError(f"Formatting took more than {TIMEOUT_SECONDS} seconds") from None
        except PoolBusy:
            raise
        except WorkerDied:
            raise FormattingError("The code cannot be formatted") from None
        return formatted
