"""An external app: a Socket.IO server that serves its manifest, proves its identity, and records what it is told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import socketio
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SCOPES = ["channels:mentions:read", "channels:messages:read", "channels:messages:write", "channels:read"]
API_KEY = "key of the app"
NAMESPACE = "/apps"


class AppServer:
    """The app.

    Attributes:
        origin, url: its origin, and its address below a path.
        events: what it was told with `app:event`.
        reply: returns the answer to an event: `{"status": …, "data": …}` or `{"status": …, "error": …}`.
        changes: what a proof claims instead of what is true.
        answers_ready: whether it completes connections.
        connections: how often an installation has connected.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.private_key = Ed25519PrivateKey.generate()
        self.api_key = API_KEY
        self.installation_id = str(uuid.uuid4())
        self.connection_token = "token " * 4
        self.events: list[dict[str, Any]] = []
        self.reply: Callable[[dict[str, Any]], Any] = lambda event: {"status": 200, "data": {"received": True}}
        self.changes: dict[str, Any] = {}
        self.answers_ready = True
        self.connections: list[dict[str, Any]] = []
        self.io = socketio.AsyncServer(async_mode="aiohttp", namespaces=[NAMESPACE], cors_allowed_origins="*")
        self._session_id = ""
        self._arrived = asyncio.Event()
        self.io.on("connect", self._accept, namespace=NAMESPACE)
        self.io.on("app:connect", self._prove_identity, namespace=NAMESPACE)
        self.io.on("app:ready", self._complete, namespace=NAMESPACE)
        self.io.on("app:event", self._record_event, namespace=NAMESPACE)

    @property
    def url(self) -> str:
        return f"{self.origin}/clock"

    @property
    def public_key(self) -> str:
        return (
            self.private_key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @property
    def manifest(self) -> dict[str, Any]:
        return {"id": "clock", "name": "Clock", "public_key": self.public_key, "requested_scopes": SCOPES}

    def build_form(self, **more: Any) -> dict[str, Any]:
        """Return the form that installs the app."""
        form = {"manifest": self.manifest, "url": self.url, "api_key": self.api_key, "slug": "clock"}
        return {**form, "granted_scopes": SCOPES, **more}

    # -- what this server is asked -----------------------------------------------------------------------------------

    async def serve_manifest(self, request: web.Request) -> web.Response:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return web.Response(status=401)
        return web.json_response(self.manifest)

    async def _accept(self, session_id: str, environ: dict[str, Any], auth: Any = None) -> bool:
        return bool(environ.get("HTTP_AUTHORIZATION") == f"Bearer {self.api_key}")

    async def _prove_identity(self, session_id: str, request: dict[str, Any]) -> dict[str, Any]:
        self.connections.append(request)
        if request["connection_token"] not in (None, self.connection_token):
            return {"status": 403, "error": "unknown installation"}
        now = int(time.time())
        claims = {
            "aud": "oix:connect",
            "sub": self.installation_id,
            "app_id": request["app_id"],
            "manifest_id": "clock",
            "challenge": request["challenge"],
            "token_hash": hashlib.sha256(self.connection_token.encode()).hexdigest(),
            "iat": now,
            "exp": now + 60,
            **self.changes,
        }
        data = {
            "connection_token": self.connection_token,
            "installation_id": self.installation_id,
            "proof": self._sign(claims),
        }
        self._session_id = session_id
        return {"status": 200, "data": data}

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": "EdDSA", "typ": "oix-connect+jwt"}
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
        signature = self.private_key.sign(b".".join(parts))
        return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()

    async def _complete(self, session_id: str, request: Any) -> dict[str, Any]:
        """Check that the connection works in both directions."""
        pong = await self.io.call("app:request", {"operation": "ping"}, to=session_id, namespace=NAMESPACE)
        assert pong == {"status": 200, "data": {"received": True}}
        early = await self.io.call("app:request", {"operation": "get_me"}, to=session_id, namespace=NAMESPACE)
        assert early["status"] == 503
        return {"status": 200, "data": {"received": self.answers_ready}}

    async def _record_event(self, session_id: str, event: dict[str, Any]) -> Any:
        answer = self.reply(event)
        if asyncio.iscoroutine(answer):
            answer = await answer
        self.events.append(event)
        self._arrived.set()
        return answer

    # -- what tests ask of it ----------------------------------------------------------------------------------------

    async def request(self, operation: str, **arguments: Any) -> Any:
        """Send a request to the server, and return its response."""
        packet = {"operation": operation, "arguments": arguments}
        return await self.io.call("app:request", packet, to=self._session_id, namespace=NAMESPACE, timeout=15)

    async def ask(self, operation: str, **arguments: Any) -> Any:
        """Send a request to the server, and return its result."""
        response = await self.request(operation, **arguments)
        assert response["status"] == 200, response
        return response["data"]

    async def wait_for_event(self, kind: str, number: int = 1, seconds: float = 15) -> dict[str, Any]:
        """Wait until this many events of a kind have arrived, and return the last of them."""
        async with asyncio.timeout(seconds):
            while len(events := [event for event in self.events if event["type"] == kind]) < number:
                self._arrived.clear()
                await self._arrived.wait()
        return events[number - 1]

    async def drop_connection(self) -> None:
        """Close the connection from this side."""
        await self.io.disconnect(self._session_id, namespace=NAMESPACE)


@asynccontextmanager
async def run_app_server() -> AsyncIterator[AppServer]:
    """Run an app while the context is open."""
    app = AppServer()
    application = web.Application()
    app.io.attach(application, socketio_path="clock/socket.io")
    application.router.add_get("/clock", app.serve_manifest)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        app.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield app
    finally:
        await app.io.shutdown()
        await runner.cleanup()
