"""Commands of `fastback` that the server runs in a process of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from fastback.kit.processes.child_process import DEVNULL, PIPE, start_process


class CommandFailed(Exception):
    """A command failed; the text is what it wrote to standard error."""


async def run_command(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what `fastback ARGUMENTS` prints; it sees the server's environment and the variables given here.

    A caller that is cancelled ends the command.

    Raises:
        CommandFailed.
    """
    process = await start_process(
        *(sys.executable, "-m", "fastback", *arguments),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **(environment or {})},
    )
    stdout, stderr = process.stdout, process.stderr
    assert stdout is not None and stderr is not None
    try:
        output, errors = await asyncio.gather(stdout.read(), stderr.read())
        await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise CommandFailed(errors.decode("utf-8", "replace").strip())
    return output.decode("utf-8", "replace").strip()
