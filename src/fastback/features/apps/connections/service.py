"""Connections to all apps: each process of this server keeps its own connection to every active app.

The cluster's table says which apps are connected, and its channel which ones have changed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from fastback.config import ConfigChanged
from fastback.config.keys.features import APPS_ENABLE
from fastback.features.apps import store
from fastback.features.apps.access import AppAccess
from fastback.features.apps.connections.app_socket import PACKET_MARGIN
from fastback.features.apps.connections.connection import RECONNECT, AppConnection, get_credentials
from fastback.features.apps.schemas import App
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.http import Conflict, HttpError
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.apps")

Status = Literal["connecting", "connected", "disconnected"]
Factory = Callable[[App], AppConnection]

#: Seconds that an app has to connect, and that requests of apps have to end when the server stops.
CONNECT_SECONDS, FINISH_SECONDS = 20, 0.5
#: Seconds before the first and the last attempts to connect again.
FIRST_DELAY, LAST_DELAY = 1.0, 30.0
#: Seconds between two looks for apps that another program has changed; and for how long an app counts as connected.
RECONCILE_SECONDS, STATUS_SECONDS = 5.0, 15.0
#: Bytes of an event and of its answer at most.
MAX_EVENT, MAX_ANSWER = 1024 * 1024, 256 * 1024

_CHANGES, _STATUSES = "app-changes", "app-connections"


class EventTooLarge(ValueError):
    """An event is too large to be sent to an app."""


class AppConnections:
    """Keep apps connected, and send them events."""

    def __init__(
        self, *, db: Database, access: AppAccess, cluster: Cluster, tasks: Tasks, bus: Bus, factory: Factory
    ) -> None:
        self._db = db
        self._access = access
        self._cluster = cluster
        self._tasks = tasks
        self._create_connection = factory
        self._connections: dict[str, AppConnection] = {}
        #: The tasks that keep the connections open.
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        cluster.subscribe(_CHANGES, lambda message: tasks.run_in_background(self._refresh(message.decode())))
        bus.subscribe(ConfigChanged, self._handle_config)
        tasks.run_at_shutdown(self.close)

    def start(self) -> None:
        """Connect the active apps, and keep them connected; called when their operations have been added."""
        self._tasks.run_in_background(self._reconcile())
        self._tasks.run_every(RECONCILE_SECONDS, self._reconcile)

    def _handle_config(self, event: ConfigChanged) -> None:
        if APPS_ENABLE in event.keys:
            self._tasks.run_in_background(self._reconcile())

    # -- which apps are connected ----------------------------------------------------------------------------------

    async def announce_change(self, app_id: str) -> None:
        """Have every process connect an app, connect it again, or disconnect it: it was changed."""
        try:
            await self._cluster.publish(_CHANGES, app_id.encode())
        except Exception as error:
            # Other processes look for changes in a moment.
            log.info("announcing a change of app %s failed: %s", app_id, error or type(error).__name__)
            self._tasks.run_in_background(self._refresh(app_id))

    async def _reconcile(self) -> None:
        """Connect the active apps, end the connections of others, and renew what the cluster knows."""
        if not self._access.is_enabled and not self._keepers:
            return
        apps = await store.list_connectable_ids(self._db) if self._access.is_enabled else []
        for app_id in {*apps, *self._keepers}:
            await self._refresh(app_id)
        for app_id in list(self._connections):
            await self._store_status(app_id)

    async def _refresh(self, app_id: str) -> None:
        """Bring the connection of an app in line with its row."""
        async with self._locks.setdefault(app_id, asyncio.Lock()):
            app = await store.find_app(self._db, app_id)
            is_active = self._access.is_enabled and app is not None and app.is_active
            if app is None or not is_active or not app.data.get("connection_token"):
                await self._disconnect(app_id)
                return
            connection = self._connections.get(app_id)
            if connection is not None and get_credentials(app) != get_credentials(connection.app):
                await self._disconnect(app_id)
            if app_id not in self._keepers:
                self._keep(app)

    def _keep(self, app: App) -> None:
        """Connect an app in the background, and again whenever it is disconnected."""
        self._connections[app.id] = self._create_connection(app)
        self._keepers[app.id] = asyncio.get_running_loop().create_task(self._keep_connected(app))

    async def _keep_connected(self, app: App) -> None:
        delay = FIRST_DELAY
        while not self._tasks.stopping.is_set():
            connection = self._connections[app.id] = self._create_connection(app)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.open()
                delay = FIRST_DELAY
                await self._follow(connection)
            except Exception as error:
                log.warning("connecting to app %s failed, retrying: %s", app.id, error or type(error).__name__)
            finally:
                await connection.close()
            await asyncio.sleep(random.uniform(delay / 2, delay))
            delay = min(delay * 2, LAST_DELAY)

    async def _follow(self, connection: AppConnection) -> None:
        """Wait for the end of an open connection; the cluster hears of both."""
        await self._store_status(connection.app.id)
        try:
            await connection.wait_until_closed()
        finally:
            await self._store_status(connection.app.id)

    async def _resume(self, connection: AppConnection) -> None:
        """Wait for the end of a connection that was made on request, then connect again."""
        try:
            await self._follow(connection)
        finally:
            await connection.close()
        await self._keep_connected(connection.app)

    async def _disconnect(self, app_id: str) -> None:
        keeper = self._keepers.pop(app_id, None)
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        connection = self._connections.pop(app_id, None)
        if connection is not None:
            await connection.close()
            await self._store_status(app_id)

    async def connect(self, app: App) -> App:
        """Connect an app that may be new, and return it.

        Raises:
            HttpError: the app refuses the connection, cannot be reached, or was changed meanwhile.
        """
        async with self._locks.setdefault(app.id, asyncio.Lock()):
            await self._disconnect(app.id)
            connection = self._create_connection(app)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.open(enrolls=True)
            except BaseException as error:
                await connection.close()
                if isinstance(error, HttpError) or not isinstance(error, Exception):
                    raise
                log.warning("connecting to app %s failed: %s", app.id, error or type(error).__name__)
                detail = "App connection failed. Check the API key, pinned public key and Socket.IO endpoint."
                raise HttpError(502, detail) from None
            self._connections[app.id] = connection
            self._keepers[app.id] = asyncio.get_running_loop().create_task(self._resume(connection))
            await self._store_status(app.id)
        await self.announce_change(app.id)
        return connection.app

    # -- the state of connections ----------------------------------------------------------------------------------

    async def _store_status(self, app_id: str) -> None:
        """Store in the cluster whether this process is connected with an app; the connection outlives an outage."""
        connection = self._connections.get(app_id)
        key = f"{app_id}:{self._cluster.node_id}"
        try:
            if connection is not None and connection.is_ready:
                await self._cluster.put_entry(_STATUSES, key, b"1", expires_in=STATUS_SECONDS)
            else:
                await self._cluster.delete_entry(_STATUSES, key)
        except Exception as error:
            log.info("storing the status of app %s failed: %s", app_id, error or type(error).__name__)

    async def list_statuses(self, apps: Iterable[App]) -> dict[str, Status]:
        """Return whether apps are connected to any process, by id."""
        try:
            entries = await self._cluster.list_entries(_STATUSES)
        except Exception as error:
            log.info("listing the connected apps failed: %s", error or type(error).__name__)
            entries = {}
        connected_ids = {key.partition(":")[0] for key in entries}
        return {app.id: self._find_status(app, connected_ids) for app in apps}

    def _find_status(self, app: App, connected_ids: set[str]) -> Status:
        if not app.is_active:
            return "disconnected"
        connection = self._connections.get(app.id)
        if app.id in connected_ids or (connection is not None and connection.is_ready):
            return "connected"
        return "disconnected" if connection is None else "connecting"

    # -- events ----------------------------------------------------------------------------------------------------

    async def send_event(self, app: App, event: dict[str, Any], *, seconds: float) -> tuple[int, Any]:
        """Send an event to an app, and return the status of its answer with the data, or the error.

        Raises:
            EventTooLarge: the event is too large. HttpError 503: it was not sent. HttpError 409: the app was never
            connected. HttpError 504: no answer came; the app may have handled it. HttpError 502: the answer is invalid.
        """
        payload = {**event, "app_id": app.id, "installation_id": app.data.get("installation_id")}
        if len(msgspec.json.encode(payload)) > MAX_EVENT - PACKET_MARGIN:
            raise EventTooLarge("an event of an app exceeds 1 MiB")
        if self._tasks.stopping.is_set():
            raise HttpError(503, "App connections are shutting down")
        connection = await self._find_connection(app)
        if not connection.is_ready:
            raise HttpError(503, "App is disconnected; event was not sent")
        try:
            answer = await connection.call("app:event", payload, seconds=seconds)
        except Exception as error:
            log.info("an event was not acknowledged by app %s: %s", app.id, error or type(error).__name__)
            detail = "App connection lost or timed out; execution outcome may be unknown"
            raise HttpError(504, detail) from None
        if not isinstance(answer, dict) or len(msgspec.json.encode(answer)) > MAX_ANSWER + PACKET_MARGIN:
            raise HttpError(502, "App returned an invalid or oversized response")
        status = answer.get("status")
        if type(status) is not int:
            raise HttpError(502, "App returned an invalid status")
        return status, answer.get("data" if status == 200 else "error")

    async def _find_connection(self, app: App) -> AppConnection:
        """Return the connection of an app, which may not be open; one with other credentials is replaced.

        Raises:
            Conflict: the app was never connected.
        """
        async with self._locks.setdefault(app.id, asyncio.Lock()):
            connection = self._connections.get(app.id)
            if connection is None or get_credentials(connection.app) != get_credentials(app):
                await self._disconnect(app.id)
                if not app.data.get("connection_token"):
                    raise Conflict(RECONNECT)
                self._keep(app)
            return self._connections[app.id]

    async def close(self) -> None:
        """End all connections; requests of apps have a moment to end first."""
        open_connections = [connection for connection in self._connections.values() if connection.is_ready]
        await asyncio.gather(*(connection.close(finish_seconds=FINISH_SECONDS) for connection in open_connections))
        keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.cancel()  # it closes a connection that is not open yet
        if keepers:
            await asyncio.wait(keepers)
