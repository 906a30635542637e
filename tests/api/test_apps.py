"""External apps as records: set up, reviewed, opened to people, uninstalled."""

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

_A = "/api/v1/apps"
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
MANIFEST = {"id": "clock", "name": "Clock", "public_key": KEY, "requested_scopes": ["channels:read"]}


def _form(**more: Any) -> dict[str, Any]:
    form = {"manifest": MANIFEST, "url": "https://clock.example.com/app", "api_key": "secret", "slug": "clock"}
    return {**form, "granted_scopes": ["channels:read"], **more}


@pytest.fixture
async def clock() -> AsyncIterator[Any]:
    """An app's server: what it answers is at the path asked for."""
    asked: list[tuple[str, str | None]] = []

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        asked.append((request.path, request.headers.get("authorization")))
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
        yield url, asked


@pytest.fixture
def environment(clock: Any) -> dict[str, str]:
    return {"ENABLE_APPS": "true", "APP_ALLOWED_PRIVATE_ORIGINS": clock[0]}


async def test_an_app_is_set_up_changed_and_uninstalled(server: Server, ada: Person) -> None:
    made = (await ada.post(_A, _form())).ok()
    assert (made["slug"], made["name"], made["is_active"], made["configured"]) == ("clock", "Clock", False, True)
    assert made["connection_status"] == "disconnected" and "secret" not in str(made)
    manifest = {"id": "clock", "name": "Clock", "description": "", "profile_image_url": None, "public_key": KEY}
    manifest["requested_scopes"] = ["channels:read"]
    assert made["data"]["manifest"] == manifest
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    assert (await ada.get(f"{_A}/{made['id']}")).ok() == made | {"access_grants": everybody}
    assert (await ada.get(_A)).ok() == [made]
    row = await server.services.get(Database).fetch_value("test", "SELECT api_key FROM app")
    assert AppKeyCipher(server.services.get(Settings)).decrypt(row) == "secret"
    (await ada.post(_A, _form())).refused(409, "App slug is already registered")

    url = f"{_A}/{made['id']}"
    changed = (await ada.patch(url, {"name": "Watch", "settings": {"a": 1}, "access_grants": []})).ok()
    assert changed["name"] == "Watch" and changed["data"]["settings"] == {"a": 1}
    assert changed["updated_at"] > made["updated_at"]
    assert (await ada.get(url)).ok()["access_grants"] == []
    assert (await ada.patch(url, {"granted_scopes": []})).ok()["data"]["granted_scopes"] == []
    more = {**MANIFEST, "requested_scopes": ["channels:read", "channels:messages:write"]}
    (await ada.patch(url, {"manifest": more})).refused(400, "Review the updated scopes")
    (await ada.patch(url, {"manifest": {**more, "id": "x"}})).refused(400, "App identity cannot change")
    (await ada.patch(url, {"granted_scopes": ["channels:messages:write"]})).refused(400, "Unrequested scope")
    (await ada.patch(url, {"is_active": True})).refused(400, "Connect the app to enable it")
    renewed = (await ada.patch(url, {"manifest": more, "granted_scopes": ["channels:messages:write"]})).ok()
    assert renewed["data"]["granted_scopes"] == ["channels:messages:write"]
    assert renewed["data"]["settings"] == {"a": 1}

    gone = (await ada.delete(url)).ok()
    assert gone["configured"] is False and (await ada.get(_A)).ok() == [gone]
    (await ada.delete(f"{_A}/none")).refused(404, "App not found")


async def test_apps_are_seen_by_whom_they_are_open_to(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    made = (await ada.post(_A, _form(access_grants=grants))).ok()
    assert (await bob.get(_A)).ok() == []
    # Connecting is not built: another program may have done it.
    await server.services.get(Database).execute("test", "UPDATE app SET is_active = :on", on=True)
    assert [one["id"] for one in (await bob.get(_A)).ok()] == [made["id"]]
    assert (await cy.get(_A)).ok() == []
    off = (await ada.patch(f"{_A}/{made['id']}", {"is_active": False})).ok()
    assert off["is_active"] is False and (await bob.get(_A)).ok() == []
    assert (await ada.post(f"{_A}/{made['id']}/connect", {})).status == 501


@pytest.mark.parametrize("database", ["sqlite"])
async def test_who_may(server: Server, ada: Person, bob: Person, anonymous: Person) -> None:
    for person, detail in ((bob, PROHIBITED), (anonymous, "Not authenticated")):
        (await person.post(_A, {})).refused(401, detail)
        (await person.post(f"{_A}/manifest/preview", {})).refused(401, detail)
        for method in ("GET", "PATCH", "DELETE"):
            (await person.request(method, f"{_A}/x", json={})).refused(401, detail)
    (await anonymous.get(_A)).refused(401, "Not authenticated")
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_APPS": False})).ok()
    for method, path, body in (
        ("GET", _A, None),
        ("POST", _A, _form()),
        ("GET", f"{_A}/x", None),
        ("PATCH", f"{_A}/x", {}),
        ("DELETE", f"{_A}/x", None),
        ("POST", f"{_A}/manifest/preview", {"url": "https://example.com"}),
    ):
        (await ada.request(method, path, json=body)).refused(404, "Apps are disabled")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_what_makes_no_sense_is_told(ada: Person, clock: Any) -> None:
    for more, loc, kind in (
        ({"slug": "Clock"}, ["slug"], "string_pattern_mismatch"),
        ({"api_key": ""}, ["api_key"], "string_too_short"),
        ({"extra": 1}, ["extra"], "extra_forbidden"),
        ({"granted_scopes": ["all"]}, ["granted_scopes", 0], "literal_error"),
        ({"manifest": {**MANIFEST, "public_key": OTHER_KIND}}, ["manifest", "public_key"], "value_error"),
        ({"manifest": {**MANIFEST, "public_key": "none"}}, ["manifest", "public_key"], "value_error"),
        ({"manifest": {**MANIFEST, "profile_image_url": "data:text/plain,x"}}, ["manifest", "profile_image_url"], ""),
        ({"manifest": {**MANIFEST, "profile_image_url": "ftp://x"}}, ["manifest", "profile_image_url"], ""),
        ({"manifest": {**MANIFEST, "name": ""}}, ["manifest", "name"], "string_too_short"),
    ):
        problem = (await ada.post(_A, _form(**more))).refused(422)[0]
        assert problem["loc"] == ["body", *loc] and problem["type"] in (kind or "value_error"), problem
    picture = {**MANIFEST, "profile_image_url": "data:image/png;base64,AAAA"}
    assert (await ada.post(_A, _form(manifest=picture, slug="other"))).status == 200
    for url in ("http://example.com", "https://u:p@example.com", "https://example.com?a=1", "https://x:y", "x\\y"):
        (await ada.post(_A, _form(url=url))).refused(400, "Invalid app URL")
    unrequested = _form(granted_scopes=["channels:messages:write"])
    (await ada.post(_A, unrequested)).refused(400, "Unrequested scope")
    assert (await ada.post(_A, _form(url=clock[0]))).status == 200, "allowed by the operator"


@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_app_says_what_it_is(ada: Person, clock: Any) -> None:
    url, asked = clock

    async def ask(address: str, **more: Any) -> Any:
        return await ada.post(f"{_A}/manifest/preview", {"url": address, "api_key": "k", **more})

    found = (await ask(url)).ok()
    assert found == {**MANIFEST, "description": "", "profile_image_url": None}
    assert asked[-1] == ("/", "Bearer k")
    invalid = "App returned an invalid manifest. Check its app details or enter them manually."
    (await ask(f"{url}/odd")).refused(400, invalid)
    (await ask(f"{url}/more")).refused(400, invalid)
    (await ask(f"{url}/large")).refused(502, "App response exceeds the allowed size.")
    (await ask(f"{url}/text")).refused(502, "App returned an invalid response. Expected JSON.")
    rejected = "App rejected the API key. Check the API key configured on the app server."
    (await ask(f"{url}/locked")).refused(400, rejected)
    moved = "App manifest endpoint returned HTTP 302. Check the URL or enter details manually."
    (await ask(f"{url}/moved")).refused(502, moved)
    (await ask("http://127.0.0.1:9")).refused(502)
    private = (await ask("https://127.0.0.1:9")).refused(502)
    assert private.startswith("App resolves to a private or reserved address.")
    (await ask(url, api_key=None)).refused(400, "An app API key is required")

    made = (await ada.post(_A, _form(url=url))).ok()
    (await ask(url, api_key=None, app_id=made["id"])).ok()
    assert asked[-1] == ("/", "Bearer secret")
    (await ask(f"{url}/", app_id=made["id"])).refused(400, "App URL does not match the installed app")
    (await ask(url, app_id="none")).refused(404, "App not found")
