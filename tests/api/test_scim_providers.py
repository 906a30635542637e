"""The requests of Microsoft Entra ID, Okta and Authentik, as these send them."""

from __future__ import annotations

import pytest

from conftest import Person, Server
from scim_client import ENVIRONMENT, GROUP, USER, IdentityProvider

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture
def environment() -> dict[str, str]:
    return ENVIRONMENT


@pytest.fixture
async def provider(server: Server, ada: Person) -> IdentityProvider:
    return IdentityProvider(server)


async def test_entra_provisions_a_user_and_a_group(provider: IdentityProvider) -> None:
    # The connection test asks for a user that does not exist.
    probe = "8f1b2a8e-0000-4000-8000-000000000000"
    assert (await provider.get("/Users", filter=f'userName eq "{probe}"'))["totalResults"] == 0
    user = await provider.create(
        "/Users",
        {
            "schemas": [USER, ENTERPRISE],
            "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
            "userName": "Jyoti@contoso.com",
            "active": True,
            "displayName": "Jyoti Pandit",
            "emails": [{"primary": True, "type": "work", "value": "jyoti.pandit@contoso.com"}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": "Jyoti Pandit", "familyName": "Pandit", "givenName": "Jyoti"},
            "roles": [],
            "title": "Engineer",
            ENTERPRISE: {"department": "Research"},
        },
    )
    assert (user["userName"], user["emails"][0]["value"]) == ("Jyoti@contoso.com", "jyoti.pandit@contoso.com")
    assert await provider.list_names("Users", 'userName eq "jyoti@contoso.com"') == ["Jyoti Pandit"]
    url = f"/Users/{user['id']}"
    changed = await provider.patch(
        url,
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "jyoti@contoso.com"},
        {"op": "Add", "path": "name.familyName", "value": "Rao"},
        {"op": "Add", "path": 'emails[type eq "other"].value', "value": "private@contoso.com"},
        {"op": "Replace", "value": {"displayName": "Jyoti Rao", "name.formatted": "Jyoti Rao"}},
    )
    assert (changed["displayName"], changed["name"]["familyName"]) == ("Jyoti Rao", "Rao")
    assert [(email["type"], email["value"]) for email in changed["emails"]] == [
        ("work", "jyoti@contoso.com"),
        ("other", "private@contoso.com"),
    ]
    group = await provider.create("/Groups", {"schemas": [GROUP], "externalId": "8aa1a0c0", "displayName": "Lab"})
    found = await provider.get("/Groups", excludedAttributes="members", filter='displayName eq "Lab"')
    assert [resource["id"] for resource in found["Resources"]] == [group["id"]] and "members" not in found["Resources"][
        0
    ]
    group_url = f"/Groups/{group['id']}"
    member = {"value": user["id"], "$ref": None}
    assert len((await provider.patch(group_url, {"op": "Add", "path": "members", "value": [member]}))["members"]) == 1
    membership = f'id eq "{group["id"]}" and members eq "{user["id"]}"'
    assert await provider.list_names("Groups", membership) == ["Lab"]
    removal = {"op": "Remove", "path": "members", "value": [{"value": user["id"]}]}
    assert (await provider.patch(group_url, removal))["members"] == []
    disabled = await provider.patch(url, {"op": "Replace", "path": "active", "value": "False"})
    assert disabled["active"] is False
    assert (await provider.request("DELETE", url)).status == 204


async def test_okta_provisions_a_user_and_a_group(provider: IdentityProvider) -> None:
    found = await provider.get("/Users", filter='userName eq "test.user@okta.local"', startIndex=1, count=100)
    assert (found["totalResults"], found["Resources"]) == (0, [])
    body = {
        "schemas": [USER],
        "userName": "test.user@okta.local",
        "name": {"givenName": "Test", "familyName": "User"},
        "emails": [{"primary": True, "value": "test.user@okta.local", "type": "work"}],
        "displayName": "Test User",
        "locale": "en-US",
        "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [],
        "password": "1mz050nq",
        "active": True,
    }
    user = await provider.create("/Users", body)
    url = f"/Users/{user['id']}"
    assert (user["name"]["givenName"], user["name"]["familyName"]) == ("Test", "User")
    changed = {**user, "name": {"givenName": "Another", "familyName": "User"}, "displayName": "Another User"}
    replaced = await provider.put(url, changed)
    assert (replaced["name"]["givenName"], replaced["displayName"]) == ("Another", "Another User")
    patched = await provider.patch(url, {"op": "replace", "value": {"active": False}})
    assert patched["active"] is False
    group = await provider.create("/Groups", {"schemas": [GROUP], "displayName": "Test SCIMv2", "members": []})
    group_url = f"/Groups/{group['id']}"
    renamed = {"op": "replace", "value": {"id": group["id"], "displayName": "Renamed"}}
    assert (await provider.patch(group_url, renamed))["displayName"] == "Renamed"
    members = [{"value": user["id"], "display": "test.user@okta.local"}]
    filled = await provider.patch(
        group_url,
        {"op": "remove", "path": f'members[value eq "{user["id"]}"]'},
        {"op": "add", "path": "members", "value": members},
    )
    assert [member["value"] for member in filled["members"]] == [user["id"]]
    replaced_group = await provider.put(group_url, {"schemas": [GROUP], "displayName": "Renamed", "members": members})
    assert [member["value"] for member in replaced_group["members"]] == [user["id"]]


async def test_authentik_provisions_a_user_and_a_group(provider: IdentityProvider) -> None:
    assert (await provider.get("/ServiceProviderConfig"))["patch"]["supported"] is True
    body = {
        "schemas": [USER],
        "userName": "akadmin",
        "name": {"formatted": "authentik Default Admin", "givenName": "authentik", "familyName": "Default Admin"},
        "displayName": "authentik Default Admin",
        "photos": [{"value": "https://authentik.example.com/a.png", "type": "photo", "primary": True}],
        "locale": "en",
        "emails": [{"value": "admin@example.com", "type": "other", "primary": True}],
        "active": True,
        "externalId": "a1b2c3",
    }
    user = await provider.create("/Users", body)
    assert {name: user[name] for name in ("userName", "displayName", "externalId", "active")} == {
        name: body[name] for name in ("userName", "displayName", "externalId", "active")
    }
    assert user["emails"][0]["type"] == "other"
    assert await provider.put(f"/Users/{user['id']}", {**body, "id": user["id"]}) == user
    group = await provider.create("/Groups", {"schemas": [GROUP], "displayName": "authentik Admins", "externalId": "g"})
    filled = await provider.patch(
        f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": [{"value": user["id"]}]}
    )
    assert [member["value"] for member in filled["members"]] == [user["id"]]
    # Users of the application that it does not know are removed.
    page = await provider.get("/Users", startIndex=1, count=100)
    assert [resource["externalId"] for resource in page["Resources"]] == ["a1b2c3"]
