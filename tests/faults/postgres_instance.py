"""A PostgreSQL server of a test's own, which it may stop, freeze and restart."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastback.demo.process import find_free_port

#: PostgreSQL refuses to run as root: its programs run as this user then.
_USER = "postgres"


def find_programs() -> Path | None:
    """Return the directory of PostgreSQL's programs, or None."""
    directories = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = shutil.which("pg_ctl")
    directories += [Path(path).resolve().parent] if path else []
    return next((directory for directory in directories if (directory / "initdb").exists()), None)


class PostgresInstance:
    """A server in a directory of its own. It loses nothing where it crashes, as long as the machine goes on."""

    def __init__(self, programs: Path, home: Path, *, host: str = "127.0.0.1") -> None:
        self._host = host
        self._programs = programs
        self._home = home
        self._port = find_free_port()
        self.url = f"postgresql://{_USER}@{host}:{self._port}/{_USER}"

    async def _run(self, program: str, *arguments: str) -> None:
        user = _USER if os.geteuid() == 0 else None
        command = [str(self._programs / program), *arguments]
        process = await asyncio.to_thread(
            subprocess.run,
            command,
            user=user,
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert process.returncode == 0, f"{command} failed: {process.returncode}"

    async def create(self) -> None:
        """Create the database files."""
        await self._run("initdb", "-D", str(self._home / "data"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self._home / "data" / "pg_hba.conf").open("a", encoding="utf-8") as rules:
            rules.write("host all all samenet trust\n")

    async def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        options = f"-p {self._port} -k {self._home} -h {self._host} -c fsync=off -c max_connections=60"
        log = str(self._home / "log")
        await self._run("pg_ctl", "-w", "-D", str(self._home / "data"), "-l", log, "-o", options, "start")

    async def stop(self, mode: str) -> None:
        """Stop the server: `fast` (connections are closed) or `immediate` (as a crash)."""
        await self._run("pg_ctl", "-w", "-D", str(self._home / "data"), "-m", mode, "stop")

    async def switch_log(self) -> None:
        """Have the server begin another file of its write-ahead log."""
        await self._run(
            "psql",
            "-h",
            self._host,
            "-p",
            str(self._port),
            "-U",
            _USER,
            "-c",
            "SELECT pg_switch_wal()",
            "-o",
            os.devnull,
        )

    def is_running(self) -> bool:
        """Return whether the server runs; it ends by itself where it cannot write its log."""
        try:
            pid = int((self._home / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server: SIGSTOP freezes it, SIGCONT has it go on."""
        pid = int((self._home / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
        for process_id in (pid, *map(int, children)):
            with suppress(ProcessLookupError):  # processes of connections end at any time
                os.kill(process_id, number)


@asynccontextmanager
async def run_postgres(host: str = "127.0.0.1", *, disk: Path | None = None) -> AsyncIterator[PostgresInstance]:
    """Run a server at an address of this machine, with its files on `disk`, while the context is open."""
    programs = find_programs()
    assert programs is not None
    memory = Path("/dev/shm")
    home = Path(tempfile.mkdtemp(prefix="fastback_postgres_", dir=disk or (memory if memory.is_dir() else None)))
    if os.geteuid() == 0:
        shutil.chown(home, _USER)
    instance = PostgresInstance(programs, home, host=host)
    try:
        await instance.create()
        await instance.start()
        yield instance
    finally:
        if instance.is_running():
            instance.send_signal(signal.SIGCONT)
            await instance.stop("immediate")
        shutil.rmtree(home, ignore_errors=True)
