"""Python in the form that Black gives it, in a process of its own: it takes seconds for a large file."""

from __future__ import annotations

import asyncio
import contextlib
import sys

#: How long the formatting may take (seconds).
PATIENCE = 30
_FAILED = 3
_PROGRAM = f"""
import sys
import black
code = sys.stdin.buffer.read().decode()
try:
    code = black.format_str(code, mode=black.Mode())
except black.NothingChanged:
    pass
except Exception as error:
    sys.stdout.buffer.write(str(error).encode())
    sys.exit({_FAILED})
sys.stdout.buffer.write(code.encode())
"""


class Unformattable(ValueError):
    """The code cannot be read; the text says where and why."""


async def formatted(code: str) -> str:
    """Raises: Unformattable."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing of the working directory
        "-c",
        _PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, _ = await process.communicate(code.encode(errors="replace"))
    except TimeoutError:
        raise Unformattable(f"Formatting took more than {PATIENCE} seconds") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode == _FAILED:
        raise Unformattable(output.decode(errors="replace"))
    if process.returncode != 0:
        raise Unformattable("The code cannot be formatted")
    return output.decode()
