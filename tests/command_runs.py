"""Commands of the program as processes of their own, and what they leave in databases."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from fastback.kit.db.table_copy.digests import TableDigest
from fastback.transfer.addresses import open_reader, parse_address
from fastback.transfer.inventory import list_all_tables

ROOT = Path(__file__).parents[1]


class CommandRun(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.errors
        return json.loads(self.output)

    def refused(self, *parts: str) -> None:
        """Require exit code 1 and one line about the reason, which contains the parts."""
        assert self.code == 1, (self.output, self.errors)
        lines = [line for line in self.errors.splitlines() if line.startswith("fastback: ")]
        assert len(lines) == 1, self.errors
        assert "Traceback" not in self.errors
        for part in parts:
            assert part in lines[0], lines[0]


async def _start(arguments: tuple[str, ...], env: dict[str, str], home: Path) -> asyncio.subprocess.Process:
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(home), **env}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "fastback", *arguments),
        cwd=home,
        env=variables,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run_command(home: Path, *arguments: str, **env: str) -> CommandRun:
    """Run a command in a directory to its end."""
    process = await _start(arguments, env, home)
    output, errors = await process.communicate()
    return CommandRun(process.returncode or 0, output.decode(), errors.decode())


async def kill_command(home: Path, is_due: Callable[[], Awaitable[bool]], *arguments: str, **env: str) -> None:
    """Start a command and kill it without warning as soon as that is due."""
    process = await _start(arguments, env, home)
    while not await is_due():
        assert process.returncode is None, "the command ended before it was to be killed"
        await asyncio.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    assert process.returncode == -signal.SIGKILL


async def read_digests(url: str) -> dict[str, tuple[int, str]]:
    """Return the number of rows and the digest of each table of a database."""
    reader = await open_reader(parse_address(url))
    try:
        existing = await reader.list_columns()
        digests = {}
        for table in list_all_tables():
            if table.name in existing:
                digest = TableDigest(table)
                async for batch in reader.read_batches(table):
                    digest.add_rows(batch.rows)
                digests[table.name] = (digest.rows, digest.hex)
        return digests
    finally:
        await reader.close()
