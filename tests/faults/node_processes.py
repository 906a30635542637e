"""Several server processes of one installation: one PostgreSQL database, one Redis, and a port for each."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from conftest import REDIS, Person
from faults.server_process import ServerProcess
from prepared_database import postgres_database
from waiting import wait_until


class Installation:
    """The processes, and the clients of one user at each of them."""

    def __init__(self, servers: list[ServerProcess]) -> None:
        self.servers = servers
        self._people: list[Person] = []

    async def sign_up(self) -> list[Person]:
        """Return the first user as a client of each process."""
        first = await self.servers[0].sign_up()
        return [first, *(self.connect(server, first) for server in self.servers[1:])]

    def connect(self, server: ServerProcess, person: Person) -> Person:
        """Return a user as a client of another process."""
        client = Person(server.url, person.token, person.account)
        self._people.append(client)
        return client

    async def wait_until_joined(self) -> None:
        """Wait until each process knows the others, which it says in its log."""
        await wait_until(lambda: all("another process" in server.log for server in self.servers), 15)

    async def close(self) -> None:
        for person in self._people:
            await person.close()
        await asyncio.gather(*(server.close() for server in self.servers))


@asynccontextmanager
async def run_nodes(
    tmp_path: Path,
    env: dict[str, str],
    *,
    count: int = 2,
    database_url: str = "",
    redis: dict[str, str] | None = None,
    last_env: dict[str, str] | None = None,
    last_home: Path | None = None,
) -> AsyncIterator[Installation]:
    """Run the processes of an installation.

    `database_url` and the variables of `redis` name others than the tests' common servers; `last_env` are variables of
    the last process, and `last_home` is the directory of its files.
    """
    async with AsyncExitStack() as stack:
        address = database_url or await stack.enter_async_context(postgres_database())
        prefix = f"test-{uuid.uuid4().hex[:12]}"
        shared = {"DATABASE_URL": address, "REDIS_KEY_PREFIX": prefix, **(redis or {"REDIS_URL": REDIS})}
        servers = []
        for number in range(count):
            home, more = tmp_path / f"node{number}", {}
            if number == count - 1:
                home, more = last_home or home, last_env or {}
            (home / "data").mkdir(parents=True)
            servers.append(ServerProcess(home / "data", {**env, **shared, **more}))
        installation = Installation(servers)
        stack.push_async_callback(installation.close)
        await asyncio.gather(*(server.start() for server in servers))
        await installation.wait_until_joined()
        yield installation
