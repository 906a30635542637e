"""The server as a process of its own: started on the same data again and again, killed, stopped, and short of disk."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import aiohttp

from conftest import PASSWORD, Person
from fastback.demo.process import find_free_port
from prepared_database import copy_sqlite, postgres_database

ROOT = Path(__file__).parents[2]


class ServerProcess:
    """A server on one data directory and one database. It keeps its port, and its users' tokens stay valid."""

    def __init__(
        self, data_dir: Path, env: dict[str, str], *, host: str = "127.0.0.1", wrapper: tuple[str, ...] = ()
    ) -> None:
        """`host`: the address of the server; `wrapper`: the program that starts it, with its arguments."""
        self.data_dir = data_dir
        self.url = f"http://{host}:{find_free_port()}"
        self._wrapper = wrapper
        self._env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "src"),
            "HOST": host,
            "PORT": self.url.rsplit(":", 1)[1],
            "DATA_DIR": str(data_dir),
            "WEBUI_SECRET_KEY": "tests-secret-key-of-at-least-32-chars",
            "ENABLE_OLLAMA_API": "false",
            "ENABLE_VERSION_UPDATE_CHECK": "false",
            **env,
        }
        self._process: asyncio.subprocess.Process | None = None
        self._people: list[Person] = []
        self._log_path = data_dir.parent / "server.log"

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def is_sqlite(self) -> bool:
        return not self._env.get("DATABASE_URL")

    @property
    def database_address(self) -> str | Path:
        """The file of the SQLite database, or the address of the PostgreSQL database."""
        return self.data_dir / "webui.db" if self.is_sqlite else self._env["DATABASE_URL"]

    def get_variable(self, name: str) -> str:
        """Return an environment variable of the processes."""
        return self._env[name]

    @property
    def log(self) -> str:
        """What all processes have logged so far."""
        return self._log_path.read_text(encoding="utf-8") if self._log_path.exists() else ""

    async def start(self, **env: str) -> None:
        """Start a process, with these variables besides, and wait until it answers."""
        self._env |= env
        with self._log_path.open("a", encoding="utf-8") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._wrapper, sys.executable, "-m", "fastback", "serve", env=self._env, stderr=log, stdout=log
            )
        async with aiohttp.ClientSession() as session:
            for _ in range(600):
                assert self._process.returncode is None, f"the server ended by itself:\n{self.log}"
                try:
                    async with session.get(f"{self.url}/health") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        raise AssertionError(f"the server does not answer:\n{self.log}")

    async def kill(self) -> float:
        """End the process without warning, and return when (of `time.monotonic`)."""
        self.process.kill()
        killed_at = time.monotonic()
        await self.process.wait()
        return killed_at

    async def stop(self, *signals: signal.Signals, pause: float = 0.3) -> tuple[int, float]:
        """Send the signals, by default SIGTERM, with pauses; return the exit code and the seconds until the end."""
        started_at = time.monotonic()
        for number, name in enumerate(signals or (signal.SIGTERM,)):
            if number:
                await asyncio.sleep(pause)
            self.process.send_signal(name)
        code = await asyncio.wait_for(self.process.wait(), 30)
        return code, time.monotonic() - started_at

    def limit_files(self, size: int | None) -> None:
        """Keep the process from writing beyond `size` bytes of any file, as a full disk does; None: lift the limit."""
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    async def sign_up(self, name: str = "Ada") -> Person:
        """Return the first user."""
        form = {"name": name, "email": f"{name.lower()}@example.com", "password": PASSWORD}
        stranger = Person(self.url)
        account = (await stranger.post("/api/v1/auths/signup", form)).ok()
        await stranger.close()
        person = Person(self.url, account["token"], account)
        self._people.append(person)
        return person

    async def close(self) -> None:
        """End the process, if it still runs, and close the connections of the clients."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        for person in self._people:
            await person.close()


def list_workers(server: ServerProcess) -> list[int]:
    """Return the ids of the server processes below the manager."""
    pid = server.process.pid
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [child for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@asynccontextmanager
async def prepare_server(database: str, tmp_path: Path, env: dict[str, str]) -> AsyncIterator[ServerProcess]:
    """Yield a server that is not started yet, on a prepared database; end its process at the end."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    async with postgres_database() if database == "postgres" else nullcontext("") as address:
        if database == "sqlite":
            await copy_sqlite(data_dir / "webui.db")
        server = ServerProcess(data_dir, {**env, "DATABASE_URL": address})
        try:
            yield server
        finally:
            await server.close()
