"""Groups: creation, members, nesting, deletion, permissions, and what is open to them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import Person
from page_client import open_page

GROUPS = "/api/v1/groups"


async def create_group(admin: Person, name: str, *members: Person, **more: Any) -> str:
    """Create a group with these members, and return its id."""
    group = (await admin.post(f"{GROUPS}/create", {"name": name, "description": "", **more})).ok()
    if members:
        body = {"user_ids": [member.id for member in members]}
        (await admin.post(f"{GROUPS}/id/{group['id']}/users/add", body)).ok()
    return str(group["id"])


async def update_group(admin: Person, group_id: str, **fields: Any) -> Any:
    """Send a group update with the required fields filled in."""
    return await admin.post(f"{GROUPS}/id/{group_id}/update", {"name": "G", "description": "", **fields})


async def test_a_group_is_created_changed_and_deleted(ada: Person, bob: Person, cy: Person) -> None:
    created = (await ada.post(f"{GROUPS}/create", {"name": "Staff", "description": "All of us"})).ok()
    assert created["member_count"] == 0 and created["user_id"] == ada.id
    assert created["data"] == {"config": {"share": "members"}} and created["permissions"] is None
    group_url = f"{GROUPS}/id/{created['id']}"
    body = {"user_ids": [bob.id, cy.id, bob.id, "nobody"]}
    assert (await ada.post(f"{group_url}/users/add", body)).ok()["member_count"] == 2
    assert (await ada.post(f"{group_url}/users/add", body)).ok()["member_count"] == 2
    assert {user["name"] for user in (await ada.post(f"{group_url}/users")).ok()} == {"Bob", "Cy"}
    assert set((await ada.get(f"{group_url}/export")).ok()["user_ids"]) == {bob.id, cy.id}
    assert [group["id"] for group in (await bob.get(f"{GROUPS}/")).ok()] == [created["id"]]
    assert [group["name"] for group in (await bob.get("/api/v1/users/groups")).ok()] == ["Staff"]
    assert (await bob.get(f"{group_url}/info")).ok()["member_count"] == 2
    changed = (await ada.post(f"{group_url}/update", {"name": "Team", "description": "Us"})).ok()
    assert (changed["name"], changed["data"]) == ("Team", created["data"])
    assert (await ada.post(f"{group_url}/users/remove", {"user_ids": [bob.id]})).ok()["member_count"] == 1
    assert (await bob.get(f"{GROUPS}/")).ok() == []
    assert (await ada.delete(f"{group_url}/delete")).ok() is True
    for method, path in (("GET", ""), ("GET", "/info"), ("GET", "/export"), ("GET", "/preview"), ("GET", "/members")):
        (await ada.request(method, group_url + path)).refused(404)
    (await ada.post(f"{group_url}/update", {"name": "x", "description": ""})).refused(404, "Group not found.")
    (await ada.post(f"{group_url}/users/add", {"user_ids": [bob.id]})).refused(404, "Group not found.")
    (await ada.delete(f"{group_url}/delete")).refused(404, "Group not found.")
    assert (await cy.get("/api/v1/users/groups")).ok() == []


async def test_only_administrators_manage_groups(ada: Person, bob: Person, anonymous: Person) -> None:
    group_url = f"{GROUPS}/id/{await create_group(ada, 'Staff', bob)}"
    form = {"name": "x", "description": ""}
    for method, path, body in (
        ("POST", f"{GROUPS}/create", form),
        ("GET", group_url, None),
        ("GET", f"{group_url}/export", None),
        ("GET", f"{group_url}/members", None),
        ("GET", f"{group_url}/preview", None),
        ("POST", f"{group_url}/users", None),
        ("POST", f"{group_url}/users/add", {}),
        ("POST", f"{group_url}/users/remove", {}),
        ("POST", f"{group_url}/update", form),
        ("DELETE", f"{group_url}/delete", None),
    ):
        for person in (bob, anonymous):
            (await person.request(method, path, json=body)).refused(401)


@pytest.mark.parametrize(
    ("body", "error_type", "loc"),
    [
        ({"name": "x"}, "missing", ["body", "description"]),
        ({"name": 1, "description": ""}, "string_type", ["body", "name"]),
        ({"name": "x", "description": "", "data": {"config": 1}}, "value_error", ["body", "data"]),
        (
            {"name": "x", "description": "", "data": {"config": {"default_models": [" "]}}},
            "value_error",
            ["body", "data"],
        ),
    ],
)
async def test_invalid_groups_are_refused(ada: Person, body: Any, error_type: str, loc: list[str]) -> None:
    (problem,) = (await ada.post(f"{GROUPS}/create", body)).refused(422)
    assert (problem["type"], problem["loc"]) == (error_type, loc)
    assert (await ada.get(f"{GROUPS}/")).ok() == []


async def test_members_of_a_group_are_inherited_by_its_parents(ada: Person, bob: Person, cy: Person) -> None:
    school = await create_group(ada, "School", bob)
    row = await create_group(
        ada, "Row", bob, cy, parent_group_id=await create_group(ada, "Class", parent_group_id=school)
    )
    url = f"{GROUPS}/id/{school}/members"
    members = (await ada.get(url)).ok()
    assert [(member["name"], member["membership_type"], member["via_group_ids"]) for member in members["items"]] == [
        ("Bob", "direct", [row]),
        ("Cy", "inherited", [row]),
    ]
    assert members["counts"] == {"direct": 1, "effective": 2, "inherited": 1}
    inherited = (await ada.get(url, membership="inherited")).ok()
    assert ([member["name"] for member in inherited["items"]], inherited["total"]) == (["Cy"], 1)
    assert (await ada.get(url, query="BOB@")).ok()["total"] == 1
    assert (await ada.get(url, page=2)).ok()["items"] == []
    assert (await ada.get(url, page=0)).refused(422)[0]["type"] == "greater_than_equal"
    assert (await ada.get(url, membership="both")).refused(422)[0]["type"] == "literal_error"
    groups = (await cy.get("/api/v1/users/groups", include_inherited=True)).ok()
    assert {group["name"]: group["membership_type"] for group in groups} == {
        "Row": "direct",
        "Class": "inherited",
        "School": "inherited",
    }
    assert len((await ada.get(f"/api/v1/users/{cy.id}/groups")).ok()) == 1


async def test_groups_form_no_circle(ada: Person) -> None:
    parent = await create_group(ada, "Above")
    child = await create_group(ada, "Below", parent_group_id=parent)
    circle_error = "A group cannot be its own parent or a descendant of itself."
    (await update_group(ada, parent, parent_group_id=child)).refused(400, circle_error)
    (await update_group(ada, parent, parent_group_id=parent)).refused(400, circle_error)
    (await update_group(ada, parent, parent_group_id="nothing")).refused(404, "Parent group not found.")
    (await update_group(ada, parent, parent_group_id="")).refused(400, "Parent group must be a group ID or null.")
    assert (await update_group(ada, child)).ok()["parent_group_id"] == parent
    assert (await update_group(ada, child, parent_group_id=None)).ok()["parent_group_id"] is None
    # Each becomes the parent of the other at the same moment: the later update is refused.
    replies = await asyncio.gather(
        update_group(ada, parent, parent_group_id=child), update_group(ada, child, parent_group_id=parent)
    )
    assert sorted(reply.status for reply in replies) == [200, 400]


async def test_children_of_a_deleted_group_move_to_its_parent(ada: Person, bob: Person) -> None:
    top = await create_group(ada, "Top", permissions={"features": {"api_keys": True}})
    middle = await create_group(ada, "Middle", parent_group_id=top)
    low = await create_group(ada, "Low", bob, parent_group_id=middle)
    (await ada.delete(f"{GROUPS}/id/{middle}/delete")).ok()
    assert (await ada.get(f"{GROUPS}/id/{low}")).ok()["parent_group_id"] == top
    assert (await bob.get("/api/v1/users/permissions")).ok()["features"]["api_keys"] is True
    (await ada.delete(f"{GROUPS}/id/{top}/delete")).ok()
    assert (await bob.get("/api/v1/users/permissions")).ok()["features"]["api_keys"] is False


async def test_permissions_follow_groups_at_once(ada: Person, bob: Person) -> None:
    async def may_use_models() -> bool:
        tree = (await bob.get("/api/v1/users/permissions")).ok()
        return bool(tree["workspace"]["models"])

    assert not await may_use_models()
    parent = await create_group(ada, "Above", permissions={"workspace": {"models": True}})
    group = await create_group(ada, "Staff", bob)
    assert not await may_use_models()
    (await update_group(ada, group, parent_group_id=parent)).ok()
    assert await may_use_models()
    (await update_group(ada, parent, permissions={"workspace": {"models": False}})).ok()
    assert not await may_use_models()
    (await update_group(ada, group, permissions={"workspace": {"models": True}})).ok()
    assert await may_use_models()
    (await ada.post(f"{GROUPS}/id/{group}/users/remove", {"user_ids": [bob.id]})).ok()
    assert not await may_use_models()


async def test_a_page_is_notified_of_changed_permissions(ada: Person, bob: Person) -> None:
    group = await create_group(ada, "Staff")
    async with open_page(bob) as page:
        updated, disconnected = asyncio.Event(), asyncio.Event()
        page.socket.on("access:updated", lambda data: updated.set())
        page.socket.on("disconnect", lambda *_: disconnected.set())
        (await ada.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [bob.id]})).ok()
        await asyncio.wait_for(updated.wait(), 5)
        await asyncio.wait_for(disconnected.wait(), 5)


async def test_groups_are_listed_by_who_may_share_with_them(ada: Person, bob: Person, cy: Person) -> None:
    async def list_names(person: Person, **query: Any) -> set[str]:
        return {group["name"] for group in (await person.get(f"{GROUPS}/", **query)).ok()}

    await create_group(ada, "Members", bob)
    await create_group(ada, "Anybody", data={"config": {"share": True}})
    await create_group(ada, "Nobody", bob, data={"config": {"share": False}})
    assert await list_names(bob, share=True) == {"Members", "Anybody"}
    assert await list_names(cy, share=True) == {"Anybody"}
    assert await list_names(cy, share=False) == {"Nobody"}
    assert await list_names(bob) == {"Members", "Nobody"}
    assert await list_names(ada, share=True) == {"Members", "Anybody", "Nobody"}


async def test_previews_show_what_a_group_and_a_user_may_use(ada: Person, bob: Person) -> None:
    parent = await create_group(ada, "Above", permissions={"chat": {"delete": False}, "workspace": {"tools": True}})
    group = await create_group(
        ada,
        "Staff",
        bob,
        parent_group_id=parent,
        permissions={"workspace": {"prompts": True}},
        data={"config": {"default_models": ["demo-large", "demo-large"]}},
    )
    for name, principal in (("shared", parent), ("closer", group), ("hidden", "nobody")):
        grant = {"principal_type": "group", "principal_id": principal, "permission": "read"}
        model = {"id": name, "base_model_id": "demo-small", "name": name, "meta": {}, "params": {}}
        (await ada.post("/api/v1/models/create", {**model, "access_grants": [grant]})).ok()
    preview = (await ada.get(f"{GROUPS}/id/{group}/preview")).ok()
    assert {model["id"] for model in preview["models"]["items"]} == {"shared", "closer"}
    assert preview["models"]["total"] == 3
    assert preview["default_models"] == {
        "local": ["demo-large"],
        "effective": ["demo-large"],
        "source_group_id": group,
    }
    assert preview["permissions"] == {"workspace": {"prompts": True}}
    workspace = preview["inherited_permissions"]["workspace"]
    assert (workspace["tools"], workspace["prompts"]) == (True, False)
    workspace = preview["effective_permissions"]["workspace"]
    assert (workspace["tools"], workspace["prompts"]) == (True, True)
    assert preview["effective_permissions"]["chat"]["delete"] is True
    parent_preview = (await ada.get(f"{GROUPS}/id/{parent}/preview")).ok()
    assert [model["id"] for model in parent_preview["models"]["items"]] == ["shared"]
    assert parent_preview["default_models"]["local"] is None
    bob_preview = (await ada.get(f"/api/v1/users/{bob.id}/preview")).ok()
    assert {model["id"] for model in bob_preview["models"]["items"]} == {"shared", "closer"}
    assert {group["name"] for group in bob_preview["groups"]} == {"Staff", "Above"}
    ada_preview = (await ada.get(f"/api/v1/users/{ada.id}/preview")).ok()
    assert len(ada_preview["models"]["items"]) == 3  # Ada owns them
