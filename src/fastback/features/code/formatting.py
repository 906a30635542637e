"""Python in the form that Black gives it, in a process of its own: it takes seconds for a large file."""

from __future__ import annotations

from fastback.kit.workers.errors import JobFailed, JobTimeout, WorkerDied
from fastback.kit.workers.pool import Limits, Workers

#: How long the formatting may take (seconds).
PATIENCE = 30
_LIMITS = Limits(processes=2, seconds=PATIENCE, niceness=0, isolated=True)


class Unformattable(ValueError):
    """The code cannot be read; the text says where and why."""


class CodeFormatter:
    """Format Python code, each piece in a fresh process."""

    def __init__(self) -> None:
        self.workers = Workers("fastback.features.code.black_worker", _LIMITS, name="formatting")

    async def format(self, code: str) -> str:
        """Return the code, formatted.

        Raises:
            Unformattable.
        """
        try:
            formatted: str = await self.workers.ask(code.encode(errors="replace"))
        except JobFailed as error:
            raise Unformattable(str(error)) from None
        except JobTimeout:
            raise Unformattable(f"Formatting took more than {PATIENCE} seconds") from None
        except WorkerDied:
            raise Unformattable("The code cannot be formatted") from None
        return formatted
