"""Who reaches the SCIM interface, what it says of itself, and what malformed requests get."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conftest import Person, Server, run_server
from loop_holds import measure_holds
from scim_client import BASE, ENVIRONMENT, ERROR, GROUP, TOKEN, USER, IdentityProvider, require_error

#: Milliseconds for which the event loop may wait.
MAX_HOLD = 30
#: Every operation that needs the token.
OPERATIONS = [
    ("GET", "/Users"),
    ("POST", "/Users"),
    ("POST", "/Users/.search"),
    *((method, "/Users/x") for method in ("GET", "PUT", "PATCH", "DELETE")),
    ("GET", "/Groups"),
    ("POST", "/Groups"),
    ("POST", "/Groups/.search"),
    *((method, "/Groups/x") for method in ("GET", "PUT", "PATCH", "DELETE")),
    ("POST", "/.search"),
]


@pytest.fixture
def environment() -> dict[str, str]:
    return ENVIRONMENT


REFUSED_HEADERS = [
    (None, "Authorization header required"),
    ("", "Authorization header required"),
    (TOKEN, "Invalid authorization format. Expected: Bearer <token>"),
    (f"Bearer {TOKEN} x", "Invalid authorization format. Expected: Bearer <token>"),
    (f"Basic {TOKEN}", "Invalid authentication scheme"),
    ("Bearer wrong", "Invalid SCIM token"),
    (f"Bearer {TOKEN}x", "Invalid SCIM token"),
    ("Bearer \xe9", "Invalid SCIM token"),
]


async def test_only_the_token_opens_the_interface(server: Server, ada: Person) -> None:
    stranger = server.stranger()
    for header, detail in REFUSED_HEADERS:
        headers = {} if header is None else {"authorization": header}
        for method, path in OPERATIONS:
            reply = await stranger.request(method, BASE + path, headers=headers)
            require_error(reply, 401, None, detail)
            assert reply.headers["www-authenticate"] == "Bearer"


async def test_the_token_of_an_administrator_opens_nothing(ada: Person) -> None:
    for method, path in OPERATIONS:
        require_error(await ada.request(method, BASE + path), 401, None, "Invalid SCIM token")


async def test_the_scim_token_opens_nothing_else(server: Server, ada: Person) -> None:
    client = Person(server.url, TOKEN)
    server.people.append(client)
    (await client.get("/api/v1/users/")).refused(401)
    (await client.get("/api/v1/auths/")).refused(401)


async def test_the_scheme_of_the_token_may_have_any_case(server: Server, ada: Person) -> None:
    headers = {"authorization": f"bearer  {TOKEN}"}
    (await server.stranger().get(f"{BASE}/Users", headers=headers)).ok()


@pytest.mark.parametrize("variables", [{}, {"ENABLE_SCIM": "false", "SCIM_TOKEN": TOKEN}])
async def test_a_disabled_interface_does_not_exist(start_server: Callable[..., Any], variables: dict[str, str]) -> None:
    async with start_server(**variables) as server:
        provider = IdentityProvider(server)
        for path in ("/Users", "/ServiceProviderConfig", "/Schemas"):
            assert (await provider.request("GET", path)).status == 404
        assert (await provider.request("POST", "/Users", {})).status == 405  # as for any path without an operation


async def test_without_a_configured_token_every_request_is_refused(start_server: Callable[..., Any]) -> None:
    async with start_server(SCIM_ENABLED="true", SCIM_AUTH_PROVIDER="oidc") as server:
        for token in (TOKEN, "", "None"):
            headers = {"authorization": f"Bearer {token}"}
            assert (await server.stranger().get(f"{BASE}/Users", headers=headers)).status == 401


async def test_without_a_provider_users_are_not_created(start_server: Callable[..., Any]) -> None:
    async with start_server(ENABLE_SCIM="true", SCIM_TOKEN=TOKEN) as server:
        await server.sign_up("Ada")
        provider = IdentityProvider(server)
        detail = "SCIM_AUTH_PROVIDER environment variable is required when SCIM is enabled"
        body = {"userName": "g@example.com", "displayName": "G", "emails": [{"value": "g@example.com"}]}
        require_error(await provider.request("POST", "/Users", body), 500, None, detail)
        require_error(await provider.request("GET", "/Users", filter='externalId eq "1"'), 500, None, detail)
        assert (await provider.get("/Users", filter='userName eq "g@example.com"'))["totalResults"] == 0
        await provider.create("/Groups", {"displayName": "Staff", "externalId": "g-1"})


async def test_the_interface_describes_itself_to_everyone(server: Server, ada: Person) -> None:
    stranger = server.stranger()
    config = (await stranger.get(f"{BASE}/ServiceProviderConfig")).ok()
    assert config["patch"] == {"supported": True} and config["bulk"]["supported"] is False
    types = (await stranger.get(f"{BASE}/ResourceTypes")).ok()["Resources"]
    assert [(kind["name"], kind["endpoint"]) for kind in types] == [("User", "/Users"), ("Group", "/Groups")]
    assert (await stranger.get(f"{BASE}/ResourceTypes/Group")).ok() == types[1]
    schemas = (await stranger.get(f"{BASE}/Schemas")).ok()["Resources"]
    assert {schema["id"] for schema in schemas} >= {USER, GROUP}
    user = (await stranger.get(f"{BASE}/Schemas/{USER}")).ok()
    assert user in schemas and user["meta"]["location"] == f"{server.url}{BASE}/Schemas/{USER}"
    assert user["description"] == "User Account"
    attributes = {attribute["name"]: attribute for attribute in user["attributes"]}
    assert attributes["userName"]["uniqueness"] == "server" and attributes["groups"]["mutability"] == "readOnly"
    for path in ("/ResourceTypes/Nothing", "/Schemas/nothing"):
        require_error(await stranger.get(BASE + path), 404)
    require_error(await stranger.get(f"{BASE}/Schemas", filter="id pr"), 403)


async def test_unknown_paths_and_methods_get_errors_of_the_standard(server: Server, ada: Person) -> None:
    provider = IdentityProvider(server)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        require_error(await provider.request(method, "/Nothing/at/all"), 404)
        require_error(await provider.request(method, "/Bulk"), 501)
        require_error(await provider.request(method, "/Me"), 501)
    for method, path, allowed in (
        ("DELETE", "/Users", "GET, POST"),
        ("POST", "/Users/x", "DELETE, GET, PATCH, PUT"),
        ("PUT", "/Schemas", "GET"),
        ("GET", "/.search", "POST"),
    ):
        reply = await provider.request(method, path)
        require_error(reply, 405)
        assert reply.headers["allow"] == allowed


async def test_bodies_of_either_media_type_are_read(server: Server, ada: Person) -> None:
    provider = IdentityProvider(server)
    body = b'{"displayName": "Staff"}'
    for media_type in ("application/scim+json", "application/scim+json; charset=utf-8", "application/json"):
        headers = {"content-type": media_type}
        assert (await provider.request("POST", "/Groups", data=body, headers=headers)).status == 201


async def test_bodies_that_are_no_objects_are_refused(server: Server, ada: Person) -> None:
    provider = IdentityProvider(server)
    headers = {"content-type": "application/scim+json"}
    bodies = [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400),
        (b'{"displayName": "' + b"x" * 5_000_000 + b'"}', 413),
    ]
    for path in ("/Users", "/Users/.search", "/Groups", "/Groups/.search", "/.search"):
        for body, status in bodies:
            reply = await provider.request("POST", path, data=body, headers=headers)
            if reply.status == 200:  # a deep object of attributes that a search does not have
                assert body.startswith(b'{"a"') and "search" in path
                continue
            assert reply.status == status and reply.json["schemas"] == [ERROR], reply.text[:300]


VALID = {"userName": "g@example.com", "displayName": "G", "emails": [{"value": "g@example.com"}]}


INVALID: list[dict[str, Any]] = [
    {"userName": None},
    {"userName": ""},
    {"userName": 5},
    {"displayName": None},
    {"displayName": "  "},
    {"emails": None},
    {"emails": "g@example.com"},
    {"emails": [5]},
    {"emails": [{"value": "no address"}]},
    {"emails": [{"value": "x" * 300 + "@example.com"}]},
    {"emails": [{"value": "a@example.com"}] * 60},
    {"emails": [{"value": "a@example.com", "primary": "perhaps"}]},
    {"emails": [], "userName": "jdoe"},
    {"active": "perhaps"},
    {"active": 7},
    {"name": "Grace"},
    {"name": {"givenName": ["x"]}},
    {"name": {"givenName": "x" * 50_000}},
    {"externalId": 5},
    {"photos": [{"value": "javascript:alert(1)"}]},
    {"photos": [{"value": "file:///etc/passwd"}]},
    {"photos": {"value": "https://example.com/p.png"}},
]


async def test_invalid_users_are_refused(server: Server, ada: Person) -> None:
    provider = IdentityProvider(server)
    for change in INVALID:
        require_error(await provider.request("POST", "/Users", {**VALID, **change}), 400, "invalidValue")
    assert (await provider.get("/Users"))["totalResults"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"displayName": "nul \0 character"},
        {"displayName": "half \ud83d of a pair"},
        {"externalId": "nul \0"},
        {"externalId": "\ud83d"},
        {"name": {"givenName": "\0"}},
        {"userName": "x\0y", "emails": [{"value": "x@example.com"}]},
        {"unknown": {"deep": [1, 2, 3]}, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"x": 1}},
        {"schemas": ["urn:nothing"]},
        {"password": "secret"},
        {"groups": [{"value": "x"}]},
        {"id": "chosen-by-the-client"},
    ],
)
async def test_odd_values_are_stored_or_refused_and_readable(
    server: Server, ada: Person, change: dict[str, Any]
) -> None:
    provider = IdentityProvider(server)
    reply = await provider.request("POST", "/Users", {**VALID, **change})
    assert reply.status in (201, 400), reply.text
    page = await provider.get("/Users")
    assert page["totalResults"] == (reply.status == 201)
    if reply.status == 201:
        assert await provider.get(f"/Users/{reply.json['id']}") == reply.json
        assert reply.json["id"] != "chosen-by-the-client" and reply.json["groups"] is None


async def test_messages_that_are_no_patches_are_refused(server: Server, ada: Person) -> None:
    provider = IdentityProvider(server)
    user = await provider.create_user("Grace")
    group = await provider.create("/Groups", {"displayName": "Staff"})
    for body in ({}, {"Operations": None}, {"Operations": {}}, {"Operations": [5]}, {"Operations": [[]]}):
        for path in (f"/Users/{user['id']}", f"/Groups/{group['id']}"):
            require_error(await provider.request("PATCH", path, body), 400, "invalidSyntax")


async def test_large_patches_are_bounded_and_do_not_hold_others(server: Server, ada: Person) -> None:
    provider = IdentityProvider(server)
    user = await provider.create_user("Grace")
    operation = {"op": "replace", "path": "displayName", "value": "G"}
    url = f"/Users/{user['id']}"
    require_error(await provider.send_patch(url, *[operation] * 1001), 413)
    with measure_holds() as holds:
        await provider.patch(url, *[operation] * 1000)
    assert holds.longest < MAX_HOLD, holds.slowest


async def test_large_groups_do_not_hold_others(server: Server, ada: Person, bob: Person) -> None:
    provider = IdentityProvider(server)
    headers = {"content-type": "application/scim+json"}
    for member_id, status in ((bob.id, 201), ("nobody", 400)):
        members = [{"value": member_id if status == 201 else f"{number:036}"} for number in range(40_000)]
        body = msgspec.json.encode({"displayName": "Staff", "members": members})
        with measure_holds() as holds:
            reply = await provider.request("POST", "/Groups", data=body, headers=headers)
        assert reply.status == status
        assert holds.callback < MAX_HOLD, holds.slowest
        # The time of all threads: what runs beside the loop, as statements of SQLite do, counts, too.
        assert holds.interpreter < 2 * MAX_HOLD


async def test_the_library_is_loaded_by_the_first_request(tmp_path: Path) -> None:
    """Several first requests wait for the same import."""
    async with run_server(ENVIRONMENT, tmp_path, "sqlite") as server:
        await server.sign_up("Ada")
        provider = IdentityProvider(server)
        pages = await asyncio.gather(*(provider.get("/Users", filter="userName pr") for _ in range(5)))
        assert [page["totalResults"] for page in pages] == [0] * 5
