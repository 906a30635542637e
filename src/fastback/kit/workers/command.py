"""Commands of `fastback` that the server runs in a process of their own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping


class CommandFailed(Exception):
    """A command failed; the text is what it wrote to standard error."""


async def run_command(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what `fastback ARGUMENTS` prints; it sees the server's environment and the variables given here.

    A caller that is cancelled ends the command.

    Raises:
        CommandFailed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fastback", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise CommandFailed(errors.decode("utf-8", "replace").strip())
    return output.decode("utf-8", "replace").strip()
