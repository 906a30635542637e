"""Users that an identity provider creates, changes, deactivates and deletes by SCIM."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import PASSWORD, Person, Server
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.features.sessions.issuing import SessionIssuer
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from scim_client import ENVIRONMENT, IdentityProvider, require_error


@pytest.fixture
def environment() -> dict[str, str]:
    return ENVIRONMENT


@pytest.fixture
async def provider(server: Server, ada: Person) -> IdentityProvider:
    return IdentityProvider(server)


async def sign_in_as(server: Server, user: Any) -> Person:
    """Return a client with a session of a provisioned user, who has no password."""
    credential = await credential_store.find_credential(server.services.get(Database), user["id"])
    assert credential is not None
    session = await server.services.get(SessionIssuer).issue(credential, method="oauth")
    person = Person(server.url, session.token, {"id": user["id"]})
    server.people.append(person)
    return person


async def test_a_user_is_provisioned_changed_and_deleted(
    server: Server, ada: Person, provider: IdentityProvider
) -> None:
    created = await provider.create_user("Grace", name={"givenName": "Grace", "familyName": "Hopper"})
    assert created["userName"] == "grace@example.com" and created["active"] is True
    assert created["emails"] == [{"value": "grace@example.com", "type": "work", "primary": True, "display": None}]
    assert (created["name"]["givenName"], created["name"]["familyName"]) == ("Grace", "Hopper")
    url = f"/Users/{created['id']}"
    assert await provider.get(url) == created
    stored = (await ada.get(f"/api/v1/users/{created['id']}")).ok()
    assert (stored["name"], stored["role"], stored["email"]) == ("Grace", "user", "grace@example.com")
    assert stored["scim"]["oidc"]["external_id"] == "id-of-grace"

    changed = await provider.put(url, {"userName": "g.hopper@example.com", "displayName": "Rear Admiral Hopper"})
    assert changed["emails"][0]["value"] == changed["userName"] == "g.hopper@example.com"
    assert changed["name"]["familyName"] == "Hopper" and changed["externalId"] == "id-of-grace"
    assert (await ada.get(f"/api/v1/users/{created['id']}")).ok()["name"] == "Rear Admiral Hopper"

    reply = await provider.request("DELETE", url)
    assert (reply.status, reply.body) == (204, b"")
    require_error(await provider.request("GET", url), 404, "invalidValue", f"User {created['id']} not found")
    require_error(await provider.request("DELETE", url), 404, "invalidValue")
    (await ada.get(f"/api/v1/users/{created['id']}")).refused(400)


async def test_a_plain_user_is_stored_as_the_reference_stores_it(ada: Person, provider: IdentityProvider) -> None:
    created = await provider.create_user("Grace")
    stored = (await ada.get(f"/api/v1/users/{created['id']}")).ok()
    assert stored["scim"] == {"oidc": {"external_id": "id-of-grace"}}
    assert stored["profile_image_url"] == "/user.png"


async def test_taken_addresses_names_and_ids_are_refused(
    server: Server, ada: Person, bob: Person, provider: IdentityProvider
) -> None:
    await provider.create_user("Grace")
    body = {"userName": "bob@example.com", "displayName": "Bob", "emails": [{"value": "BOB@example.com"}]}
    detail = "User with email bob@example.com already exists"
    require_error(await provider.request("POST", "/Users", body), 409, "uniqueness", detail)
    body = {"userName": "x@example.com", "displayName": "X", "emails": [{"value": "x@example.com"}]}
    detail = "User with externalId id-of-grace already exists"
    reply = await provider.request("POST", "/Users", {**body, "externalId": "id-of-grace"})
    require_error(reply, 409, "uniqueness", detail)
    other = await provider.create("/Users", {**body, "userName": "jdoe"})
    assert (other["userName"], other["emails"][0]["value"]) == ("jdoe", "x@example.com")
    body = {"userName": "JDoe", "displayName": "J", "emails": [{"value": "j@example.com"}]}
    require_error(await provider.request("POST", "/Users", body), 409, "uniqueness")
    url = f"/Users/{other['id']}"
    require_error(await provider.request("PUT", url, {"userName": "grace@example.com"}), 409, "uniqueness")
    change = {"op": "replace", "path": "emails[primary eq true].value", "value": "Ada@example.com"}
    require_error(await provider.send_patch(url, change), 409, "uniqueness")
    assert await provider.get(url) == other
    # Of several creations at once one succeeds.
    bodies = [{**body, "userName": "k@example.com", "emails": [{"value": "k@example.com"}]} for _ in range(4)]
    replies = await asyncio.gather(*(provider.request("POST", "/Users", entry) for entry in bodies))
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409]


async def test_a_name_of_the_provider_is_kept_beside_the_address(provider: IdentityProvider) -> None:
    body = {"userName": "jdoe", "displayName": "Jane", "emails": [{"value": "jane@example.com"}]}
    user = await provider.create("/Users", body)
    url = f"/Users/{user['id']}"
    assert await provider.list_names("Users", 'userName eq "JDOE"') == ["Jane"]
    assert await provider.list_names("Users", 'userName eq "jane@example.com"') == ["Jane"]
    change = {"op": "replace", "path": "userName", "value": "jane.doe"}
    assert (await provider.patch(url, change))["emails"] == user["emails"]
    assert await provider.list_names("Users", 'userName eq "jdoe"') == []
    # The same name and address: they change together again.
    change = {"op": "replace", "path": "userName", "value": "jane@example.com"}
    await provider.patch(url, change)
    moved = await provider.patch(url, {"op": "replace", "path": "userName", "value": "jane@example.org"})
    assert moved["emails"][0]["value"] == "jane@example.org"


async def test_a_deactivated_user_is_signed_out_at_once(
    server: Server, ada: Person, provider: IdentityProvider
) -> None:
    user = await provider.create_user("Grace")
    grace = await sign_in_as(server, user)
    (await grace.get("/api/models")).ok()
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_API_KEYS": True})).ok()
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["api_keys"] = True
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    machine = Person(server.url, (await grace.post("/api/v1/auths/api_key")).ok()["api_key"])
    server.people.append(machine)
    (await machine.get("/api/models")).ok()
    url = f"/Users/{user['id']}"
    assert (await provider.patch(url, {"op": "replace", "path": "active", "value": False}))["active"] is False
    (await grace.get("/api/models")).refused(401)
    (await machine.get("/api/models")).refused(401)
    (await grace.get("/api/v1/auths/")).refused(401)
    assert (await ada.get(f"/api/v1/users/{user['id']}")).ok()["role"] == "pending"
    # Microsoft Entra sends texts.
    again = await provider.patch(url, {"op": "Replace", "path": "active", "value": "True"})
    assert again["active"] is True
    (await grace.get("/api/v1/auths/")).refused(401)
    grace = await sign_in_as(server, user)
    (await grace.get("/api/models")).ok()
    assert (await provider.put(url, {"active": False}))["active"] is False
    (await grace.get("/api/models")).refused(401)
    pending = await provider.create_user("Pen", active=False)
    assert pending["active"] is False


async def test_administrators_are_neither_deactivated_nor_deleted(
    server: Server, ada: Person, provider: IdentityProvider
) -> None:
    user = await provider.create_user("Grace")
    (await ada.post(f"/api/v1/users/{user['id']}/update", {"role": "admin"})).ok()
    url = f"/Users/{user['id']}"
    assert (await provider.patch(url, {"op": "replace", "value": {"active": False}}))["active"] is True
    assert (await provider.put(url, {"active": False}))["active"] is True
    require_error(await provider.request("DELETE", url), 403)
    assert (await ada.get(f"/api/v1/users/{user['id']}")).ok()["role"] == "admin"


async def test_the_first_user_of_an_installation_is_no_administrator_and_stays(server: Server) -> None:
    provider = IdentityProvider(server)
    user = await provider.create_user("Grace")
    grace = await sign_in_as(server, user)
    assert (await grace.get("/api/v1/auths/")).ok()["role"] == "user"
    require_error(await provider.request("DELETE", f"/Users/{user['id']}"), 403)


async def test_local_users_are_invisible(ada: Person, bob: Person, provider: IdentityProvider) -> None:
    assert (await provider.get("/Users"))["totalResults"] == 0
    assert await provider.list_names("Users", 'userName eq "bob@example.com"') == []
    for method, body in (("GET", None), ("PUT", {}), ("PATCH", {"Operations": []}), ("DELETE", None)):
        require_error(await provider.request(method, f"/Users/{bob.id}", body), 404, "invalidValue")
    (await bob.get("/api/v1/auths/")).ok()


async def test_deletion_deletes_what_an_administrator_deletes(
    server: Server, ada: Person, provider: IdentityProvider
) -> None:
    user = await provider.create_user("Grace")
    grace = await sign_in_as(server, user)
    chat = (await grace.post("/api/v1/chats/new", {"chat": {"title": "Mine", "history": {"messages": {}}}})).ok()
    assert (await provider.request("DELETE", f"/Users/{user['id']}")).status == 204
    (await grace.get("/api/v1/auths/")).refused(401)
    assert (await ada.get(f"/api/v1/chats/{chat['id']}")).status == 401
    body = {"email": "grace@example.com", "password": PASSWORD}
    (await server.stranger().post("/api/v1/auths/signin", body)).refused(400)


@pytest.mark.parametrize(
    ("operations", "changes"),
    [
        ([{"op": "replace", "path": "displayName", "value": "G. H."}], {"displayName": "G. H."}),
        ([{"op": "REPLACE", "path": "DISPLAYNAME", "value": "G. H."}], {"displayName": "G. H."}),
        (
            [{"op": "replace", "value": {"displayName": "G", "externalId": "7"}}],
            {"displayName": "G", "externalId": "7"},
        ),
        ([{"op": "replace", "path": "name.formatted", "value": "Amazing Grace"}], {"displayName": "Amazing Grace"}),
        ([{"op": "remove", "path": "externalId"}], {"externalId": None}),
        ([{"op": "replace", "path": "externalId", "value": None}], {"externalId": None}),
        ([{"op": "remove", "path": "photos"}], {"photos": None}),
        ([{"op": "remove", "path": "name"}], {"name": None, "displayName": "Grace"}),
        (
            [{"op": "replace", "path": 'emails[type eq "work"].value', "value": "Hopper@Example.com"}],
            {"userName": "hopper@example.com"},
        ),
        (
            [{"op": "add", "path": "photos", "value": [{"value": "https://example.com/g.png", "type": "thumbnail"}]}],
            {"photos": [{"value": "https://example.com/g.png", "type": "thumbnail", "primary": None, "display": None}]},
        ),
        (
            [{"op": "add", "path": "emails", "value": [{"value": "home@example.com", "type": "home"}]}],
            {
                "emails": [
                    {"value": "grace@example.com", "type": "work", "primary": True, "display": None},
                    {"value": "home@example.com", "type": "home", "primary": None, "display": None},
                ]
            },
        ),
        (
            [
                {"op": "add", "path": "emails", "value": [{"value": "new@example.com", "primary": True}]},
                {"op": "remove", "path": 'emails[value eq "grace@example.com"]'},
            ],
            {
                "emails": [{"value": "new@example.com", "type": None, "primary": True, "display": None}],
                "userName": "new@example.com",
            },
        ),
        (
            [{"op": "add", "value": {"name.givenName": "Grace", "name.familyName": "Murray Hopper"}}],
            {"displayName": "Grace"},
        ),
        (
            [{"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:displayName", "value": "URN"}],
            {"displayName": "URN"},
        ),
        ([], {}),
    ],
)
async def test_patches_change_what_they_name(
    provider: IdentityProvider, operations: list[dict[str, Any]], changes: dict[str, Any]
) -> None:
    user = await provider.create_user("Grace")
    url = f"/Users/{user['id']}"
    patched = await provider.patch(url, *operations)
    assert {name: patched[name] for name in changes} == changes
    assert await provider.get(url) == patched


INVALID_OPERATIONS: list[tuple[Any, str, str | None]] = [
    ({"op": "move", "path": "displayName"}, "invalidSyntax", "Unsupported PATCH operation: move"),
    ({"op": 1}, "invalidSyntax", None),
    ({"path": "displayName", "value": "x"}, "invalidSyntax", None),
    ({"op": "remove"}, "noTarget", "Remove requires a path"),
    ({"op": "remove", "path": "userName"}, "mutability", "Removing userName is not supported"),
    ({"op": "remove", "path": "active"}, "mutability", "Removing active is not supported"),
    ({"op": "replace", "path": "id", "value": "x"}, "mutability", None),
    ({"op": "replace", "path": "groups", "value": []}, "mutability", None),
    ({"op": "replace", "value": "x"}, "invalidValue", "A pathless operation requires an attribute object"),
    ({"op": "replace", "value": {}}, "invalidValue", "A pathless operation requires an attribute object"),
    ({"op": "replace", "path": "nickName", "value": "x"}, "invalidPath", "Unsupported PATCH path: nickName"),
    ({"op": "replace", "value": {"title": "x"}}, "invalidPath", "Unsupported PATCH path: title"),
    ({"op": "replace", "path": "emails[", "value": "x"}, "invalidPath", "Unsupported PATCH path: emails["),
    ({"op": "replace", "path": "active", "value": "maybe"}, "invalidValue", "active must be a boolean"),
    ({"op": "replace", "path": "displayName", "value": 5}, "invalidValue", "displayName must be a string"),
    ({"op": "replace", "path": "displayName", "value": " "}, "invalidValue", "displayName must not be empty"),
    ({"op": "add", "path": "externalId", "value": 5}, "invalidValue", "externalId must be a string or null"),
    ({"op": "replace", "path": "emails", "value": "x"}, "invalidValue", None),
    ({"op": "replace", "path": "emails", "value": [{"value": "no address"}]}, "invalidValue", None),
    ({"op": "replace", "path": 'emails[type co "x"].value', "value": "a@b.c"}, "noTarget", None),
    ({"op": "replace", "path": "name", "value": ["x"]}, "invalidValue", None),
    ({"op": "replace", "path": "photos", "value": [{"value": "javascript:alert(1)"}]}, "invalidValue", None),
    ({"op": "replace", "path": "x" * 2000, "value": 1}, "invalidPath", None),
    ({"op": "replace", "path": 5, "value": 1}, "invalidSyntax", None),
]


async def test_invalid_patches_change_nothing(provider: IdentityProvider) -> None:
    resource = await provider.create_user("Grace")
    url = f"/Users/{resource['id']}"
    first = {"op": "replace", "path": "displayName", "value": "Changed"}
    for operation, scim_type, detail in INVALID_OPERATIONS:
        require_error(await provider.send_patch(url, first, operation), 400, scim_type, detail)
        assert await provider.get(url) == resource, operation


async def test_changes_at_once_are_all_applied(provider: IdentityProvider) -> None:
    user = await provider.create_user("Grace")
    url = f"/Users/{user['id']}"
    await asyncio.gather(
        provider.patch(url, {"op": "replace", "path": "externalId", "value": "9"}),
        provider.patch(url, {"op": "replace", "path": "name.honorificPrefix", "value": "Dr."}),
        provider.patch(url, {"op": "replace", "path": "active", "value": False}),
    )
    changed = await provider.get(url)
    assert (changed["externalId"], changed["name"]["honorificPrefix"], changed["active"]) == ("9", "Dr.", False)


async def test_events_name_scim_as_their_source(server: Server, provider: IdentityProvider) -> None:
    events: list[ActivityEvent] = []
    server.services.get(ActivityListeners).add(lambda event: True)
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    user = await provider.create_user("Grace")
    url = f"/Users/{user['id']}"
    await provider.patch(url, {"op": "replace", "value": {"displayName": "G", "active": False, "externalId": "5"}})
    await provider.patch(url, {"op": "replace", "value": {"displayName": "G", "active": False, "externalId": "5"}})
    await provider.request("DELETE", url)
    assert [(event.event, event.subject_id, event.source, event.data) for event in events] == [
        (
            "user.created",
            user["id"],
            "scim",
            {"email": "grace@example.com", "role": "user", "external_id": "id-of-grace"},
        ),
        ("user.updated", user["id"], "scim", {"updated_fields": ["name", "externalId"]}),
        ("user.role_updated", user["id"], "scim", {"role": "pending"}),
        ("user.deleted", user["id"], "scim", {"email": "grace@example.com"}),
    ]
