"""Groups and their members that an identity provider manages by SCIM."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.kit.bus import Bus
from scim_client import BASE, ENVIRONMENT, GROUP, IdentityProvider, require_error

UNKNOWN_MEMBER = "One or more member users were not found."


@pytest.fixture
def environment() -> dict[str, str]:
    return ENVIRONMENT


@pytest.fixture
async def provider(server: Server, ada: Person) -> IdentityProvider:
    return IdentityProvider(server)


async def create_group(provider: IdentityProvider, name: str, *members: Person, **more: Any) -> Any:
    body = {"schemas": [GROUP], "displayName": name, "members": [{"value": member.id} for member in members], **more}
    return await provider.create("/Groups", body)


def list_member_ids(group: Any) -> set[str]:
    return {member["value"] for member in group["members"]}


async def test_a_group_is_provisioned_changed_and_deleted(
    server: Server, ada: Person, bob: Person, cy: Person, provider: IdentityProvider
) -> None:
    created = await create_group(provider, "Staff", bob, externalId="e-1")
    url = f"/Groups/{created['id']}"
    address = f"{server.url}{BASE}/Users/{bob.id}"
    assert created["members"] == [{"value": bob.id, "$ref": address, "type": "User"}]
    assert created["externalId"] == "e-1" and created["meta"]["location"] == f"{server.url}{BASE}{url}"
    assert await provider.get(url) == created
    stored = (await ada.get(f"/api/v1/groups/id/{created['id']}")).ok()
    assert (stored["name"], stored["description"], stored["user_id"]) == ("Staff", "", ada.id)
    assert stored["data"] == {"config": {"share": "members"}}

    changed = await provider.put(url, {"displayName": "Team", "members": [{"value": cy.id}]})
    assert (changed["displayName"], list_member_ids(changed), changed["externalId"]) == ("Team", {cy.id}, "e-1")
    assert list_member_ids(await provider.put(url, {"displayName": "Team"})) == {cy.id}
    assert (await provider.put(url, {"members": []}))["members"] == []

    assert (await provider.request("DELETE", url)).status == 204
    require_error(await provider.request("GET", url), 404, "invalidValue", f"Group {created['id']} not found")
    for method, body in (("PUT", {}), ("PATCH", {"Operations": []}), ("DELETE", None)):
        require_error(await provider.request(method, url, body), 404, "invalidValue")


async def test_permissions_follow_membership_at_once(ada: Person, bob: Person, provider: IdentityProvider) -> None:
    async def may_use_models() -> bool:
        return bool((await bob.get("/api/v1/users/permissions")).ok()["workspace"]["models"])

    group = await create_group(provider, "Staff")
    form = {"name": "Staff", "description": "", "permissions": {"workspace": {"models": True}}}
    (await ada.post(f"/api/v1/groups/id/{group['id']}/update", form)).ok()
    url = f"/Groups/{group['id']}"
    assert not await may_use_models()
    await provider.patch(url, {"op": "add", "path": "members", "value": [{"value": bob.id}]})
    assert await may_use_models()
    user = (await ada.get(f"/api/v1/users/{bob.id}")).ok()
    assert [joined["name"] for joined in user["groups"]] == ["Staff"]
    await provider.patch(url, {"op": "remove", "path": f'members[value eq "{bob.id}"]'})
    assert not await may_use_models()
    await provider.put(url, {"members": [{"value": bob.id}]})
    assert await may_use_models()
    await provider.request("DELETE", url)
    assert not await may_use_models()


async def test_a_user_shows_direct_groups(provider: IdentityProvider) -> None:
    user = await provider.create_user("Grace")
    group = await provider.create("/Groups", {"displayName": "Navy", "members": [{"value": user["id"]}]})
    (shown,) = (await provider.get(f"/Users/{user['id']}"))["groups"]
    assert (shown["value"], shown["display"], shown["type"]) == (group["id"], "Navy", "direct")
    assert shown["$ref"] == group["meta"]["location"]
    assert await provider.list_names("Users", f'groups.value eq "{group["id"]}"') == ["Grace"]
    assert await provider.list_names("Users", 'groups[display eq "army"]') == []


@pytest.mark.parametrize(
    ("operations", "members"),
    [
        ([{"op": "add", "path": "members", "value": [{"value": "CY", "type": "User"}]}], {"BOB", "CY"}),
        ([{"op": "Add", "path": "Members", "value": [{"value": "CY"}, {"value": "BOB"}]}], {"BOB", "CY"}),
        ([{"op": "add", "value": {"members": [{"value": "CY"}]}}], {"BOB", "CY"}),
        ([{"op": "replace", "path": "members", "value": [{"value": "CY"}]}], {"CY"}),
        ([{"op": "replace", "value": {"displayName": "Staff", "members": [{"value": "CY"}]}}], {"CY"}),
        ([{"op": "remove", "path": "members"}], set()),
        ([{"op": "remove", "path": 'members[value eq "BOB"]'}], set()),
        ([{"op": "remove", "path": 'members[display sw "B"]'}], set()),
        ([{"op": "remove", "path": 'members[not (value eq "BOB")]'}], {"BOB"}),
        ([{"op": "remove", "path": 'members[value eq "nobody"]'}], {"BOB"}),
        ([{"op": "remove", "path": "members", "value": [{"value": "BOB"}]}], set()),
        ([{"op": "remove", "path": "members", "value": [{"value": "CY"}]}], {"BOB"}),
        (
            [
                {"op": "remove", "path": "members"},
                {"op": "add", "path": "members", "value": [{"value": "CY"}]},
                {"op": "add", "path": "members", "value": [{"value": "CY"}]},
            ],
            {"CY"},
        ),
    ],
)
async def test_patches_change_members(
    bob: Person, cy: Person, provider: IdentityProvider, operations: Any, members: set[str]
) -> None:
    ids = {"BOB": bob.id, "CY": cy.id}

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fill(item) for name, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return value.replace("BOB", bob.id).replace("CY", cy.id) if isinstance(value, str) else value

    group = await create_group(provider, "Staff", bob)
    url = f"/Groups/{group['id']}"
    patched = await provider.patch(url, *fill(operations))
    assert list_member_ids(patched) == {ids[name] for name in members}
    assert list_member_ids(await provider.get(url)) == list_member_ids(patched)
    assert patched["displayName"] == "Staff"


INVALID_OPERATIONS: list[tuple[Any, str, str | None]] = [
    ({"op": "add", "path": "members", "value": [{"value": "nobody"}]}, "invalidValue", UNKNOWN_MEMBER),
    (
        {"op": "add", "path": "members", "value": [{"value": "BOB", "type": "Group"}]},
        "invalidValue",
        "Only direct User members are supported by SCIM.",
    ),
    ({"op": "add", "path": "members", "value": "BOB"}, "invalidValue", "Members must be a list of users."),
    ({"op": "replace", "path": "members", "value": [{}]}, "invalidValue", "A member user ID is required."),
    ({"op": "replace", "path": "members", "value": ["x"]}, "invalidValue", "A member user ID is required."),
    ({"op": "remove", "path": "members[", "value": 1}, "invalidPath", None),
    ({"op": "remove", "path": "members[nothing eq 1]"}, "invalidPath", None),
    ({"op": "remove", "path": "membership"}, "invalidPath", None),
    ({"op": "replace", "path": 'members[value eq "BOB"].value', "value": "x"}, "invalidPath", None),
    ({"op": "replace", "path": 'members[value eq "BOB"]', "value": {"value": "x"}}, "mutability", None),
    ({"op": "remove", "path": "displayName"}, "mutability", "Removing displayName is not supported"),
    ({"op": "replace", "path": "displayName", "value": ""}, "invalidValue", None),
    ({"op": "replace", "path": "id", "value": "x"}, "mutability", None),
    ({"op": "replace", "path": "description", "value": "x"}, "invalidPath", None),
    ({"op": "replace", "path": "externalId", "value": 5}, "invalidValue", None),
    ({"op": "remove"}, "noTarget", "Remove requires a path"),
]


async def test_invalid_patches_change_nothing(bob: Person, provider: IdentityProvider) -> None:
    resource = await create_group(provider, "Staff", bob)
    url = f"/Groups/{resource['id']}"
    first = {"op": "replace", "path": "displayName", "value": "Changed"}
    for operation, scim_type, detail in INVALID_OPERATIONS:
        require_error(await provider.send_patch(url, first, operation), 400, scim_type, detail)
        assert await provider.get(url) == resource, operation


async def test_a_member_that_is_no_user_creates_no_group(bob: Person, provider: IdentityProvider) -> None:
    body = {"displayName": "Staff", "members": [{"value": bob.id}, {"value": "nobody"}]}
    require_error(await provider.request("POST", "/Groups", body), 400, "invalidValue", UNKNOWN_MEMBER)
    body = {"displayName": "Staff", "members": [{"value": bob.id, "$ref": f"https://x{BASE}/Groups/1"}]}
    require_error(await provider.request("POST", "/Groups", body), 400, "invalidValue")
    require_error(await provider.request("POST", "/Groups", {"members": []}), 400, "invalidValue")
    assert (await provider.get("/Groups"))["totalResults"] == 0


async def test_external_ids_of_groups_are_set_found_and_removed(ada: Person, provider: IdentityProvider) -> None:
    group = await create_group(provider, "Staff")
    url = f"/Groups/{group['id']}"
    assert "externalId" not in group
    assert (await provider.patch(url, {"op": "add", "path": "externalId", "value": "e-7"}))["externalId"] == "e-7"
    assert await provider.list_names("Groups", 'externalId eq "e-7"') == ["Staff"]
    assert await provider.list_names("Groups", 'externalId eq "E-7"') == []
    form = {"name": "Crew", "description": "Renamed by an administrator"}
    (await ada.post(f"/api/v1/groups/id/{group['id']}/update", form)).ok()
    assert (await provider.get(url))["externalId"] == "e-7"
    assert "externalId" not in await provider.patch(url, {"op": "remove", "path": "externalId"})


async def test_names_of_members_are_shown_on_request(bob: Person, provider: IdentityProvider) -> None:
    group = await create_group(provider, "Staff", bob)
    url = f"/Groups/{group['id']}"
    shown = await provider.get(url, attributes="members.value,members.display")
    assert shown == {"schemas": [GROUP], "id": group["id"], "members": [{"value": bob.id, "display": "Bob"}]}
    without = await provider.get(url, excludedAttributes="members")
    assert without == {name: value for name, value in group.items() if name != "members"}


async def test_events_name_scim_as_their_source(
    server: Server, ada: Person, bob: Person, cy: Person, provider: IdentityProvider
) -> None:
    events: list[ActivityEvent] = []
    server.services.get(ActivityListeners).add(lambda event: True)
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    group = await create_group(provider, "Staff", bob)
    url = f"/Groups/{group['id']}"
    await provider.put(url, {"displayName": "Team", "members": [{"value": cy.id}]})
    await provider.patch(url, {"op": "remove", "path": f'members[value eq "{cy.id}"]'})
    body = {"name": "Child", "description": "", "parent_group_id": group["id"]}
    child = (await ada.post("/api/v1/groups/create", body)).ok()
    await provider.request("DELETE", url)
    published = [(event.event, event.subject_id, event.data) for event in events if event.source == "scim"]
    assert published == [
        ("group.created", group["id"], {"name": "Staff", "member_ids": [bob.id], "member_count": 1}),
        ("group.member_added", group["id"], {"member_ids": [bob.id], "count": 1}),
        ("group.updated", group["id"], {"updated_fields": ["name", "members"]}),
        ("group.member_added", group["id"], {"member_ids": [cy.id], "count": 1}),
        ("group.member_removed", group["id"], {"member_ids": [bob.id], "count": 1}),
        ("group.updated", group["id"], {"operation_count": 1}),
        ("group.member_removed", group["id"], {"member_ids": [cy.id], "count": 1}),
        ("group.deleted", group["id"], {"name": "Team", "parent_group_id": None, "promoted_child_ids": [child["id"]]}),
        ("group.updated", child["id"], {"old_parent_group_id": group["id"], "parent_group_id": None}),
    ]
