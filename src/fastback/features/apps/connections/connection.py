"""A connection to one app: both sides authenticate each other, then call each other."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import msgspec

from fastback.features.apps import store
from fastback.features.apps.access import AppAccess
from fastback.features.apps.client import AppClient
from fastback.features.apps.connections.app_socket import AppSocket
from fastback.features.apps.connections.identity_proof import Installation, verify_connection
from fastback.features.apps.connections.operations import AppOperations
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.features.apps.schemas import App
from fastback.kit.db import Database
from fastback.kit.http import Conflict, Forbidden, HttpError

log = logging.getLogger("fastback.apps")

#: Seconds that an app has for each step of the handshake, and this server for an operation that an app requests.
HANDSHAKE_SECONDS, OPERATION_SECONDS = 10, 10
RECONNECT = "Reconnect this app to upgrade its transport"


def get_credentials(app: App) -> tuple[Any, ...]:
    """Return what a connection depends on: where it changes, the app is connected again."""
    return app.api_key, app.data.get("connection_token"), app.data["manifest"]["public_key"], app.data["url"]


class AppConnection:
    """A connection, open or not.

    Attributes:
        app: the app as it was when it was connected.
        is_ready: whether events can be sent.
    """

    def __init__(
        self,
        app: App,
        *,
        db: Database,
        access: AppAccess,
        client: AppClient,
        cipher: AppKeyCipher,
        operations: AppOperations,
    ) -> None:
        self.app = app
        self.is_ready = False
        self._db = db
        self._access = access
        self._client = client
        self._cipher = cipher
        self._operations = operations
        self._socket: AppSocket | None = None
        #: Whether the app has proven its identity.
        self._is_verified = False

    async def open(self, *, enrolls: bool = False) -> None:
        """Connect to the app. With `enrolls` the app may be new: what it calls this installation is stored.

        Raises:
            HttpError, InvalidProof, AppConnectionError, aiohttp.ClientError, OSError, ValueError, TimeoutError: the
            app refuses the connection, cannot be reached, or fails to prove its identity.
        """
        stored_token = self.app.data.get("connection_token")
        if not stored_token and not enrolls:
            raise Conflict(RECONNECT)
        await asyncio.to_thread(self._cipher.prepare)
        key = self._cipher.decrypt(self.app.api_key or "")
        token = self._cipher.decrypt(stored_token) if stored_token else None
        url = self.app.data["url"]
        socket = AppSocket(self._client.open_session(url), self._respond)
        self._socket = socket
        await socket.open(url, key)
        installation = await self._authenticate(socket, token)
        if enrolls:
            self.app = await self._store_installation(installation)
        ready = await socket.call("app:ready", {}, seconds=HANDSHAKE_SECONDS)
        if ready != {"status": 200, "data": {"received": True}}:
            raise HttpError(502, "App could not complete its bidirectional connection check")
        if enrolls:
            self.app = await self._activate()
        self.is_ready = True

    async def _authenticate(self, socket: AppSocket, token: str | None) -> Installation:
        """Return the installation that the app has proven to be.

        Raises:
            Forbidden: the app does not recognize this server. InvalidProof: its proof is invalid.
        """
        challenge = str(uuid.uuid4())
        request = {"app_id": self.app.id, "challenge": challenge, "connection_token": token}
        result = await socket.call("app:connect", request, seconds=HANDSHAKE_SECONDS)
        if not isinstance(result, dict) or result.get("status") != 200:
            raise Forbidden("App rejected its connection credential. Review credentials before reconnecting.")
        installation = verify_connection(self.app, result.get("data"), challenge)
        self._is_verified = True
        return installation

    async def _store_installation(self, installation: Installation) -> App:
        """Store what the app calls this installation, and return the app.

        Raises:
            Conflict: the app was changed meanwhile.
        """
        data = {name: value for name, value in self.app.data.items() if name != "webui_url"}
        data["installation_id"] = installation.id
        data["connection_token"] = self._cipher.encrypt(installation.connection_token)
        changed = msgspec.structs.replace(self.app, data=data, is_active=False)
        return await self._store(changed)

    async def _activate(self) -> App:
        """Store that the app is connected, and return it.

        Raises:
            Conflict: the app was changed meanwhile.
        """
        return await self._store(msgspec.structs.replace(self.app, is_active=True))

    async def _store(self, app: App) -> App:
        stored = await store.replace_app(self._db, app)
        if stored is None:
            raise Conflict("App changed while connecting; connect again")
        return stored

    # -- calls -----------------------------------------------------------------------------------------------------

    async def call(self, event: str, value: Any, *, seconds: float) -> Any:
        """Send an event to the app and return its answer.

        Raises:
            TimeoutError: the app did not answer in time. AppConnectionError: the connection is lost.
        """
        if self._socket is None:
            raise RuntimeError("the connection is not open")
        return await self._socket.call(event, value, seconds=seconds)

    async def _respond(self, packet: Any) -> dict[str, Any]:
        """Return the response to a request of the app."""
        try:
            return {"status": 200, "data": await self._run_request(packet)}
        except HttpError as error:
            return {"status": error.status, "error": error.detail}
        except TimeoutError:
            return {"status": 504, "error": "App operation timed out; outcome may be unknown"}
        except Exception:
            log.exception("an operation of app %s failed", self.app.id)
            return {"status": 500, "error": "App operation failed"}

    async def _run_request(self, packet: Any) -> Any:
        if not isinstance(packet, dict):
            raise HttpError(413, "App request exceeds 16 MiB")
        operation, arguments = packet.get("operation"), packet.get("arguments", {})
        if not self._is_verified or (not self.is_ready and operation != "ping"):
            raise HttpError(503 if self._is_verified else 403, "App connection is not ready")
        if operation == "ping" and arguments == {}:
            return {"received": True}
        async with asyncio.timeout(OPERATION_SECONDS):
            app = await self._access.get_active_app(self.app.id)
            if get_credentials(app) != get_credentials(self.app):
                raise Forbidden("App credentials changed")
            return await self._operations.run(app, operation, arguments)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def wait_until_closed(self) -> None:
        """Wait until the connection has ended."""
        if self._socket is not None:
            await self._socket.wait_until_closed()
        self.is_ready = False

    async def close(self, *, finish_seconds: float = 0.0) -> None:
        """End the connection; requests of the app have `finish_seconds` to end first."""
        self.is_ready = False
        if self._socket is not None:
            await self._socket.close(finish_seconds=finish_seconds)
