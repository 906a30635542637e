"""Connecting to apps: both sides prove who they are, and the connection is kept, renewed and ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app_server import API_KEY, AppServer, run_app_server
from conftest import Person, Server
from fastback.features.apps.connections.operations import AppOperations
from fastback.features.apps.connections.service import AppConnections
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.kit.db import Database
from fastback.settings import Settings
from waiting import wait_until

APPS = "/api/v1/apps"
FAILED = "App connection failed. Check the API key, pinned public key and Socket.IO endpoint."


@pytest.fixture
async def clock() -> AsyncIterator[AppServer]:
    async with run_app_server() as app:
        yield app


@pytest.fixture
def environment(clock: AppServer) -> dict[str, str]:
    return {"ENABLE_APPS": "true", "ENABLE_CHANNELS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock.origin}


async def install(ada: Person, clock: AppServer, **form: Any) -> str:
    """Install the app and connect it; return the path of its record."""
    app = (await ada.post(APPS, clock.build_form(**form))).ok()
    (await ada.post(f"{APPS}/{app['id']}/connect", {})).ok()
    return f"{APPS}/{app['id']}"


async def wait_for_status(person: Person, path: str, status: str) -> Any:
    async def has_status() -> bool:
        return bool((await person.get(path)).ok()["connection_status"] == status)

    await wait_until(has_status)
    return (await person.get(path)).ok()


async def test_an_app_is_connected_and_calls_the_server(server: Server, ada: Person, clock: AppServer) -> None:
    form = {"url": clock.url, "api_key": API_KEY}
    assert (await ada.post(f"{APPS}/manifest/preview", form)).ok()["name"] == "Clock"
    app = (await ada.post(APPS, clock.build_form())).ok()
    path = f"{APPS}/{app['id']}"
    connected = (await ada.post(f"{path}/connect", {})).ok()
    assert (connected["is_active"], connected["connection_status"]) == (True, "connected")
    assert connected["data"]["installation_id"] == clock.installation_id
    assert connected["updated_at"] > app["updated_at"]
    assert (await ada.get(path)).ok()["connection_status"] == "connected"
    assert (await ada.get(APPS)).ok()[0]["connection_status"] == "connected"
    # The app asks who it is; it never sees a credential.
    me = await clock.ask("get_me")
    assert (me["id"], me["name"], me["configured"]) == (app["id"], "Clock", True)
    assert "connection_token" not in me["data"] and "connection_status" not in me
    assert (await clock.request("get_me", x=1)) == {"status": 400, "error": "Unknown app operation"}
    assert (await clock.request("none")) == {"status": 400, "error": "Unknown app operation"}
    # The token of the app is stored encrypted, as Open WebUI does.
    row = await server.services.get(Database).fetch_value("test", "SELECT CAST(data AS TEXT) FROM app")
    assert clock.connection_token not in row
    stored = json.loads(row)["connection_token"]
    assert AppKeyCipher(server.services.get(Settings)).decrypt(stored) == clock.connection_token


async def test_a_connection_is_renewed_with_the_token_of_the_app(ada: Person, clock: AppServer) -> None:
    path = await install(ada, clock)
    assert [connection["connection_token"] for connection in clock.connections] == [None]
    await clock.drop_connection()
    await wait_until(lambda: len(clock.connections) == 2)
    assert clock.connections[1]["connection_token"] == clock.connection_token
    await wait_for_status(ada, path, "connected")
    assert (await clock.ask("get_me"))["is_active"] is True


async def test_another_app_behind_the_address_is_refused(ada: Person, clock: AppServer) -> None:
    app = (await ada.post(APPS, clock.build_form())).ok()
    path = f"{APPS}/{app['id']}"
    for changes in (
        {"aud": "other"},
        {"sub": "other"},
        {"app_id": "other"},
        {"manifest_id": "other"},
        {"challenge": "other"},
        {"token_hash": "other"},
        {"exp": 1},
        {"iat": 1},
        {"exp": None},
    ):
        clock.changes = changes
        (await ada.post(f"{path}/connect", {})).refused(502, FAILED)
    clock.changes = {}
    key = clock.private_key
    clock.private_key = Ed25519PrivateKey.generate()
    (await ada.post(f"{path}/connect", {})).refused(502, FAILED)
    clock.private_key = key
    clock.answers_ready = False
    detail = "App could not complete its bidirectional connection check"
    (await ada.post(f"{path}/connect", {})).refused(502, detail)
    clock.answers_ready = True
    assert (await ada.get(path)).ok()["is_active"] is False
    assert (await ada.post(f"{path}/connect", {})).ok()["is_active"] is True
    # The same app as another installation, or with another token.
    clock.installation_id = "3f0e9a1e-8f43-4f7e-9f0b-0d5d2b6a9c11"
    (await ada.post(f"{path}/connect", {})).refused(502, FAILED)
    clock.connection_token = "another token"
    detail = "App rejected its connection credential. Review credentials before reconnecting."
    (await ada.post(f"{path}/connect", {})).refused(403, detail)
    # With a new key the app may be another installation.
    clock.api_key = "new key"
    (await ada.post(f"{path}/connect", {})).refused(502, FAILED)
    assert (await ada.post(f"{path}/connect", {"api_key": "new key"})).ok()["is_active"] is True


@pytest.mark.parametrize("database", ["sqlite"])
async def test_only_administrators_connect_apps(ada: Person, bob: Person, anonymous: Person, clock: AppServer) -> None:
    app = (await ada.post(APPS, clock.build_form())).ok()
    path = f"{APPS}/{app['id']}/connect"
    assert (await bob.post(path, {})).status == 401
    assert (await anonymous.post(path, {})).status == 401
    (await ada.post(f"{APPS}/none/connect", {})).refused(404, "App not found")
    assert (await ada.post(path, {"api_key": ""})).status == 422
    assert (await ada.post(path, {"extra": 1})).status == 422
    (await ada.delete(f"{APPS}/{app['id']}")).ok()
    (await ada.post(path, {})).refused(400, "An app API key is required")
    assert clock.connections == []


@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_app_inside_the_network_is_not_called(ada: Person, clock: AppServer) -> None:
    url = clock.url.replace("127.0.0.1", "localhost")
    (await ada.post(APPS, clock.build_form(url=url))).refused(400, "Invalid app URL")
    app = (await ada.post(APPS, clock.build_form(url=url.replace("http:", "https:")))).ok()
    (await ada.post(f"{APPS}/{app['id']}/connect", {})).refused(502, FAILED)
    assert clock.connections == []


async def test_an_app_is_disconnected_when_it_is_switched_off(ada: Person, clock: AppServer) -> None:
    path = await install(ada, clock)
    assert (await ada.patch(path, {"is_active": False})).ok()["is_active"] is False
    await wait_for_status(ada, path, "disconnected")

    async def is_gone() -> bool:
        try:
            await asyncio.wait_for(clock.request("get_me"), 1)
        except Exception:
            return True
        return False

    await wait_until(is_gone)
    assert (await ada.post(f"{path}/connect", {})).ok()["connection_status"] == "connected"
    assert clock.connections[-1]["connection_token"] == clock.connection_token
    # A reviewed manifest makes the app inactive until it is connected again.
    manifest = {**clock.manifest, "description": "Tells the time"}
    changed = (await ada.patch(path, {"manifest": manifest, "granted_scopes": []})).ok()
    assert (changed["is_active"], changed["connection_status"]) == (False, "disconnected")
    assert (await ada.post(f"{path}/connect", {})).ok()["data"]["granted_scopes"] == []
    # Uninstalled, it is forgotten.
    removed = (await ada.delete(path)).ok()
    assert (removed["configured"], removed["is_active"]) == (False, False)
    assert "installation_id" not in removed["data"]


async def test_apps_are_connected_when_the_server_starts(start_server: Any, clock: AppServer) -> None:
    env = {"ENABLE_APPS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock.origin}
    async with start_server(**env) as server:
        ada = await server.sign_up("Ada")
        path = await install(ada, clock)
        token = ada.token
    async with start_server(**env) as server:
        ada = Person(server.url, token)
        server.people.append(ada)
        await wait_for_status(ada, path, "connected")
        assert (await clock.ask("get_me"))["name"] == "Clock"
        # Disabled apps are disconnected, and connected again.
        config = (await ada.get("/api/v1/auths/admin/config")).ok()
        (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_APPS": False})).ok()
        (await ada.post(f"{path}/connect", {})).refused(404, "Apps are disabled")
        (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_APPS": True})).ok()
        await wait_for_status(ada, path, "connected")


async def test_a_request_of_an_app_ends_while_the_server_stops(start_server: Any, clock: AppServer) -> None:
    async def answer_late(app: Any, arguments: Any) -> str:
        await asyncio.sleep(0.1)
        return "late"

    async with start_server(ENABLE_APPS="true", APP_ALLOWED_PRIVATE_ORIGINS=clock.origin) as server:
        await install(await server.sign_up("Ada"), clock)
        server.services.get(AppOperations).add("answer_late", answer_late)
        request = asyncio.ensure_future(clock.request("answer_late"))
        await asyncio.sleep(0.05)
        await server.services.get(AppConnections).close()
        assert await asyncio.wait_for(request, 5) == {"status": 200, "data": "late"}
