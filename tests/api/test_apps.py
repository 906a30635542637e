"""External apps as records: created, reviewed, shared with users, uninstalled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp.web
import pytest

from conftest import Person, Server
from fastback.features.apps.key_encryption import AppKeyCipher
from fastback.kit.db import Database
from fastback.settings import Settings
from stub_server import serve_handler

APPS = "/api/v1/apps"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAsWwB/De581nrbie4bi6pWFK9Pxiqea/xnEsKO0A8TEE=
-----END PUBLIC KEY-----
"""
OTHER_KIND = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECkpQWOQzjrWdsbpgGAF4XfJznyZN
FzRoB8n4hWxS0uLZFQPy+lxzl6N8zPquE1mixxJXYHe606lepSz3eIy6MQ==
-----END PUBLIC KEY-----
"""
#: A key of a kind that no library knows.
UNKNOWN_KIND = "-----BEGIN PUBLIC KEY-----\nMAwwBQYDKgMEAwMAAQI=\n-----END PUBLIC KEY-----\n"
MANIFEST = {"id": "clock", "name": "Clock", "public_key": KEY, "requested_scopes": ["channels:read"]}


def _form(**more: Any) -> dict[str, Any]:
    form = {"manifest": MANIFEST, "url": "https://clock.example.com/app", "api_key": "secret", "slug": "clock"}
    return {**form, "granted_scopes": ["channels:read"], **more}


@pytest.fixture
async def clock() -> AsyncIterator[Any]:
    """Run the server of an app; the request path selects its response."""
    requests: list[tuple[str, str | None]] = []

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        requests.append((request.path, request.headers.get("authorization")))
        match request.path:
            case "/":
                return aiohttp.web.json_response(MANIFEST)
            case "/odd":
                return aiohttp.web.json_response({**MANIFEST, "public_key": OTHER_KIND})
            case "/more":
                return aiohttp.web.json_response({**MANIFEST, "extra": 1})
            case "/large":
                return aiohttp.web.Response(text=" " * 300_000)
            case "/text":
                return aiohttp.web.Response(text="hello")
            case "/locked":
                return aiohttp.web.Response(status=403)
        return aiohttp.web.Response(status=302, headers={"location": "/"})

    async with serve_handler(answer) as url:
        yield url, requests


@pytest.fixture
def environment(clock: Any) -> dict[str, str]:
    return {"ENABLE_APPS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock[0]}


async def test_an_app_is_created_changed_and_uninstalled(server: Server, ada: Person) -> None:
    app = (await ada.post(APPS, _form())).ok()
    assert (app["slug"], app["name"], app["is_active"], app["configured"]) == ("clock", "Clock", False, True)
    assert app["connection_status"] == "disconnected" and "secret" not in str(app)
    manifest = {"id": "clock", "name": "Clock", "description": "", "profile_image_url": None, "public_key": KEY}
    manifest["requested_scopes"] = ["channels:read"]
    assert app["data"]["manifest"] == manifest
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    assert (await ada.get(f"{APPS}/{app['id']}")).ok() == app | {"access_grants": everybody}
    assert (await ada.get(APPS)).ok() == [app]
    row = await server.services.get(Database).fetch_value("test", "SELECT api_key FROM app")
    assert AppKeyCipher(server.services.get(Settings)).decrypt(row) == "secret"
    (await ada.post(APPS, _form())).refused(409, "App slug is already registered")

    url = f"{APPS}/{app['id']}"
    changed = (await ada.patch(url, {"name": "Watch", "settings": {"a": 1}, "access_grants": []})).ok()
    assert changed["name"] == "Watch" and changed["data"]["settings"] == {"a": 1}
    assert changed["updated_at"] > app["updated_at"]
    assert (await ada.get(url)).ok()["access_grants"] == []
    assert (await ada.patch(url, {"granted_scopes": []})).ok()["data"]["granted_scopes"] == []
    extended = {**MANIFEST, "requested_scopes": ["channels:read", "channels:messages:write"]}
    (await ada.patch(url, {"manifest": extended})).refused(400, "Review the updated scopes")
    (await ada.patch(url, {"manifest": {**extended, "id": "x"}})).refused(400, "App identity cannot change")
    (await ada.patch(url, {"granted_scopes": ["channels:messages:write"]})).refused(400, "Unrequested scope")
    (await ada.patch(url, {"is_active": True})).refused(400, "Connect the app to enable it")
    renewed = (await ada.patch(url, {"manifest": extended, "granted_scopes": ["channels:messages:write"]})).ok()
    assert renewed["data"]["granted_scopes"] == ["channels:messages:write"]
    assert renewed["data"]["settings"] == {"a": 1}

    removed = (await ada.delete(url)).ok()
    assert removed["configured"] is False and (await ada.get(APPS)).ok() == [removed]
    (await ada.delete(f"{APPS}/none")).refused(404, "App not found")


async def test_apps_are_listed_for_users_with_access(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    app = (await ada.post(APPS, _form(access_grants=grants))).ok()
    assert (await bob.get(APPS)).ok() == []
    # Another program may have connected the app.
    await server.services.get(Database).execute("test", "UPDATE app SET is_active = :on", on=True)
    assert [entry["id"] for entry in (await bob.get(APPS)).ok()] == [app["id"]]
    assert (await cy.get(APPS)).ok() == []
    disabled = (await ada.patch(f"{APPS}/{app['id']}", {"is_active": False})).ok()
    assert disabled["is_active"] is False and (await bob.get(APPS)).ok() == []


@pytest.mark.parametrize("database", ["sqlite"])
async def test_only_administrators_manage_apps(server: Server, ada: Person, bob: Person, anonymous: Person) -> None:
    for person, detail in ((bob, PROHIBITED), (anonymous, "Not authenticated")):
        (await person.post(APPS, {})).refused(401, detail)
        (await person.post(f"{APPS}/manifest/preview", {})).refused(401, detail)
        for method in ("GET", "PATCH", "DELETE"):
            (await person.request(method, f"{APPS}/x", json={})).refused(401, detail)
    (await anonymous.get(APPS)).refused(401, "Not authenticated")
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_APPS": False})).ok()
    for method, path, body in (
        ("GET", APPS, None),
        ("POST", APPS, _form()),
        ("GET", f"{APPS}/x", None),
        ("PATCH", f"{APPS}/x", {}),
        ("DELETE", f"{APPS}/x", None),
        ("POST", f"{APPS}/manifest/preview", {"url": "https://example.com"}),
    ):
        (await ada.request(method, path, json=body)).refused(404, "Apps are disabled")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_invalid_fields_are_reported(ada: Person, clock: Any) -> None:
    for more, loc, kind in (
        ({"slug": "Clock"}, ["slug"], "string_pattern_mismatch"),
        ({"api_key": ""}, ["api_key"], "string_too_short"),
        ({"extra": 1}, ["extra"], "extra_forbidden"),
        ({"granted_scopes": ["all"]}, ["granted_scopes", 0], "literal_error"),
        ({"manifest": {**MANIFEST, "public_key": OTHER_KIND}}, ["manifest", "public_key"], "value_error"),
        ({"manifest": {**MANIFEST, "public_key": "none"}}, ["manifest", "public_key"], "value_error"),
        ({"manifest": {**MANIFEST, "public_key": UNKNOWN_KIND}}, ["manifest", "public_key"], "value_error"),
        ({"manifest": {**MANIFEST, "profile_image_url": "data:text/plain,x"}}, ["manifest", "profile_image_url"], ""),
        ({"manifest": {**MANIFEST, "profile_image_url": "ftp://x"}}, ["manifest", "profile_image_url"], ""),
        ({"manifest": {**MANIFEST, "name": ""}}, ["manifest", "name"], "string_too_short"),
    ):
        problem = (await ada.post(APPS, _form(**more))).refused(422)[0]
        assert problem["loc"] == ["body", *loc] and problem["type"] in (kind or "value_error"), problem
    picture = {**MANIFEST, "profile_image_url": "data:image/png;base64,AAAA"}
    assert (await ada.post(APPS, _form(manifest=picture, slug="other"))).status == 200
    for url in ("http://example.com", "https://u:p@example.com", "https://example.com?a=1", "https://x:y", "x\\y"):
        (await ada.post(APPS, _form(url=url))).refused(400, "Invalid app URL")
    unrequested = _form(granted_scopes=["channels:messages:write"])
    (await ada.post(APPS, unrequested)).refused(400, "Unrequested scope")
    assert (await ada.post(APPS, _form(url=clock[0]))).status == 200, "allowed by the operator"


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_manifest_of_an_app_is_previewed(ada: Person, clock: Any) -> None:
    url, requests = clock

    async def preview(address: str, **more: Any) -> Any:
        return await ada.post(f"{APPS}/manifest/preview", {"url": address, "api_key": "k", **more})

    manifest = (await preview(url)).ok()
    assert manifest == {**MANIFEST, "description": "", "profile_image_url": None}
    assert requests[-1] == ("/", "Bearer k")
    invalid = "App returned an invalid manifest. Check its app details or enter them manually."
    (await preview(f"{url}/odd")).refused(400, invalid)
    (await preview(f"{url}/more")).refused(400, invalid)
    (await preview(f"{url}/large")).refused(502, "App response exceeds the allowed size.")
    (await preview(f"{url}/text")).refused(502, "App returned an invalid response. Expected JSON.")
    rejected = "App rejected the API key. Check the API key configured on the app server."
    (await preview(f"{url}/locked")).refused(400, rejected)
    moved = "App manifest endpoint returned HTTP 302. Check the URL or enter details manually."
    (await preview(f"{url}/moved")).refused(502, moved)
    (await preview("http://127.0.0.1:9")).refused(502)
    private = (await preview("https://127.0.0.1:9")).refused(502)
    assert private.startswith("App resolves to a private or reserved address.")
    (await preview(url, api_key=None)).refused(400, "An app API key is required")

    app = (await ada.post(APPS, _form(url=url))).ok()
    (await preview(url, api_key=None, app_id=app["id"])).ok()
    assert requests[-1] == ("/", "Bearer secret")
    (await preview(f"{url}/", app_id=app["id"])).refused(400, "App URL does not match the installed app")
    (await preview(url, app_id="none")).refused(404, "App not found")
