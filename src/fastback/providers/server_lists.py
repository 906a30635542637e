"""What the model servers list: every server is asked in the background, and its last list is kept.

All servers are asked when the server has started and every few minutes, and when a model is requested that none of them
has listed, at most once a second. A server that is down is asked again after a second, then after twice as long each
time, up to half a minute. A server is asked by one task at a time, however many wait for it, and by one process of the
installation (`list_sharing`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial

import aiohttp
import msgspec

from fastback.config import Config
from fastback.kit.cluster import Cluster
from fastback.providers.connections import Connection, list_ollama_connections, list_openai_connections
from fastback.providers.list_sharing import ListSharing, build_digest
from fastback.providers.model import Entry
from fastback.providers.model_listing import ListingError, list_ollama_entries, list_openai_entries
from fastback.providers.model_merging import ServerModels
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.request_context import RequestContext
from fastback.settings import Settings

log = logging.getLogger("fastback.providers")

#: Seconds between two rounds that requests for unknown models begin, and that such a request waits for a round.
_PAUSE, PATIENCE = 1.0, 2.0
#: Seconds until a server that is down is asked again, at first and at most.
_FIRST_RETRY, _LAST_RETRY = 1.0, 30.0

#: Seconds in which the list of another process is as good as one's own at the start.
FRESH_SECONDS = 30.0

Key = tuple[str, str, int]


class _Asking(msgspec.Struct):
    """The task that asks a server, and when it started (`time.monotonic()`)."""

    task: asyncio.Task[None]
    started: float


class _Retry(msgspec.Struct):
    """The timer of a server that is down, and the seconds that it waits."""

    timer: asyncio.TimerHandle
    delay: float


class ServerLists:
    """Ask the servers of all connections for their models; `on_change` is called when a list has changed."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        tokens: OAuthTokens,
        cluster: Cluster,
        on_change: Callable[[], None],
    ) -> None:
        self._config = config
        self._settings = settings
        self._client = client
        self._tokens = tokens
        self._sharing = ListSharing(cluster, self._take_shared_list)
        self._on_change = on_change
        self._servers: dict[Key, ServerModels] = {}
        self._asking: dict[Key, _Asking] = {}
        self._retries: dict[Key, _Retry] = {}
        #: When all servers were last asked (`time.monotonic()`).
        self._asked_at: float | None = None

    def list_connections(self) -> list[Connection]:
        """Return the connections in use."""
        connections = [*list_openai_connections(self._config), *list_ollama_connections(self._config)]
        return [connection for connection in connections if connection.is_enabled and connection.url]

    def get_servers(self) -> Iterable[ServerModels]:
        """Return the last list of each server."""
        return self._servers.values()

    def list_running(self) -> list[asyncio.Task[None]]:
        """Return the tasks that are asking servers."""
        return [asking.task for asking in self._asking.values()]

    def ask(self, max_age: float = 0.0) -> list[asyncio.Task[None]]:
        """Ask all servers in the background, and return the tasks; a server that is being asked is not asked twice.

        Lists that other processes have got within `max_age` seconds are taken instead.
        """
        connections = {_get_key(connection): connection for connection in self.list_connections()}
        for removed in [key for key in self._servers if key not in connections]:
            del self._servers[removed]
            self._on_change()
        self._asked_at = time.monotonic()
        return [self._ask_server(key, connection, max_age) for key, connection in connections.items()]

    def ask_unlisted(self) -> list[asyncio.Task[None]]:
        """Ask the servers in the background that were never asked, and return the tasks."""
        if self._asked_at is None:
            return self.ask(FRESH_SECONDS)
        connections = {_get_key(connection): connection for connection in self.list_connections()}
        return [
            self._ask_server(key, connection, FRESH_SECONDS)
            for key, connection in connections.items()
            if key not in self._servers or self._servers[key].connection != connection
        ]

    def ask_if_older(self, seconds: float) -> None:
        """Ask all servers in the background where they were last asked longer ago than this."""
        if self._asked_at is not None and time.monotonic() - self._asked_at > seconds:
            self.ask(seconds)

    def ask_for_missing_model(self) -> list[asyncio.Task[None]]:
        """Ask all servers unless they were asked within the last second; return the tasks that still run.

        Tasks that run for long are left out: their servers do not respond.
        """
        now = time.monotonic()
        if self._asked_at is None or now - self._asked_at >= _PAUSE:
            self.ask(_PAUSE)
        return [asking.task for asking in self._asking.values() if now - asking.started < PATIENCE]

    def restart(self) -> None:
        """Ask all servers again, with connections that have changed."""
        self.stop()
        self.ask(_PAUSE)

    def stop(self) -> None:
        """Ask no server any more."""
        for task in self.list_running():
            task.cancel()
        for retry in self._retries.values():
            retry.timer.cancel()
        self._asking.clear()
        self._retries.clear()

    def _ask_server(self, key: Key, connection: Connection, max_age: float = 0.0) -> asyncio.Task[None]:
        asking = self._asking.get(key)
        if asking is not None:
            return asking.task
        task = asyncio.get_running_loop().create_task(self._list_models(key, connection, max_age))
        self._asking[key] = _Asking(task, time.monotonic())
        task.add_done_callback(lambda done: self._remove_finished(key, done))
        return task

    def _remove_finished(self, key: Key, task: asyncio.Task[None]) -> None:
        asking = self._asking.get(key)
        if asking is not None and asking.task is task:
            del self._asking[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("listing models of %s failed", key[1], exc_info=error)

    async def _list_models(self, key: Key, connection: Connection, max_age: float) -> None:
        try:
            entries = await self._sharing.fetch(connection, partial(self._list_entries, connection), max_age)
        except ListingError as error:
            self._note_failure(key, connection, error)
            return
        self._note_list(key, connection, entries)

    def _take_shared_list(self, digest: str) -> None:
        """Take the list that another process has got, unless this one is asking for it itself."""
        for connection in self.list_connections():
            key = _get_key(connection)
            if key in self._servers and key not in self._asking and build_digest(connection) == digest:
                self._ask_server(key, connection, FRESH_SECONDS)

    def _note_list(self, key: Key, connection: Connection, entries: list[Entry]) -> None:
        retry = self._retries.pop(key, None)
        if retry is not None:
            retry.timer.cancel()
        server = self._servers.get(key)
        if server is not None and server.failing_since is not None:
            log.info(
                "listing models of %s works again after %.0f s", connection.url, time.time() - server.failing_since
            )
        if server is None or server.entries != entries or server.connection != connection:
            self._on_change()
        self._servers[key] = ServerModels(connection, entries)

    async def _list_entries(self, connection: Connection) -> list[Entry]:
        try:
            return await self._request_entries(connection)
        except ListingError as error:
            if not _is_broken_connection(error):
                raise
        # The server closed an idle connection when the request was on its way.
        return await self._request_entries(connection)

    async def _request_entries(self, connection: Connection) -> list[Entry]:
        if connection.kind != "openai":
            return await list_ollama_entries(self._client, connection, self._settings)
        ctx = await self._tokens.add_to(connection.options.get("auth_type"), RequestContext())
        return await list_openai_entries(self._client, connection, self._settings, ctx)

    def _note_failure(self, key: Key, connection: Connection, error: ListingError) -> None:
        """Keep the last list of a server that failed, log the first failure, and ask again soon if it is down."""
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = ServerModels(connection, [])
        if server.connection != connection:
            server.connection = connection
            self._on_change()
        if server.failing_since is None:
            server.failing_since = time.time()
            level = logging.DEBUG if connection.is_default else logging.WARNING
            follow_up = "its last list is used" if server.entries else "retrying" if error.is_down else "it shows none"
            log.log(level, "listing models of %s failed, %s: %s", connection.url, follow_up, error)
        retry = self._retries.pop(key, None)
        if retry is not None:
            retry.timer.cancel()
        if error.is_down:
            delay = _FIRST_RETRY if retry is None else min(2 * retry.delay, _LAST_RETRY)
            timer = asyncio.get_running_loop().call_later(delay, self._ask_server, key, connection)
            self._retries[key] = _Retry(timer, delay)


def _is_broken_connection(error: ListingError) -> bool:
    """Return whether a connection broke that had been open."""
    cause = error.__cause__
    return isinstance(
        cause, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | aiohttp.ClientPayloadError
    ) and not isinstance(cause, aiohttp.ClientConnectorError)


def _get_key(connection: Connection) -> Key:
    return connection.kind, connection.url, connection.index
