"""Groups: made, filled, one within another; what members may do, and what is open to them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import Person
from page_client import open_page

GROUPS = "/api/v1/groups"


async def make(admin: Person, name: str, *members: Person, **more: Any) -> str:
    """A group with these people in it; its id."""
    group = (await admin.post(f"{GROUPS}/create", {"name": name, "description": "", **more})).ok()
    if members:
        body = {"user_ids": [one.id for one in members]}
        (await admin.post(f"{GROUPS}/id/{group['id']}/users/add", body)).ok()
    return str(group["id"])


async def update(admin: Person, group_id: str, **fields: Any) -> Any:
    return await admin.post(f"{GROUPS}/id/{group_id}/update", {"name": "G", "description": "", **fields})


async def test_a_group_from_its_making_to_its_end(ada: Person, bob: Person, cy: Person) -> None:
    made = (await ada.post(f"{GROUPS}/create", {"name": "Staff", "description": "All of us"})).ok()
    assert made["member_count"] == 0 and made["user_id"] == ada.id
    assert made["data"] == {"config": {"share": "members"}} and made["permissions"] is None
    one = f"{GROUPS}/id/{made['id']}"
    body = {"user_ids": [bob.id, cy.id, bob.id, "nobody"]}
    assert (await ada.post(f"{one}/users/add", body)).ok()["member_count"] == 2
    assert (await ada.post(f"{one}/users/add", body)).ok()["member_count"] == 2
    assert {user["name"] for user in (await ada.post(f"{one}/users")).ok()} == {"Bob", "Cy"}
    assert set((await ada.get(f"{one}/export")).ok()["user_ids"]) == {bob.id, cy.id}
    assert [group["id"] for group in (await bob.get(f"{GROUPS}/")).ok()] == [made["id"]]
    assert [group["name"] for group in (await bob.get("/api/v1/users/groups")).ok()] == ["Staff"]
    assert (await bob.get(f"{one}/info")).ok()["member_count"] == 2
    changed = (await ada.post(f"{one}/update", {"name": "Team", "description": "Us"})).ok()
    assert (changed["name"], changed["data"]) == ("Team", made["data"])
    assert (await ada.post(f"{one}/users/remove", {"user_ids": [bob.id]})).ok()["member_count"] == 1
    assert (await bob.get(f"{GROUPS}/")).ok() == []
    assert (await ada.delete(f"{one}/delete")).ok() is True
    for method, path in (("GET", ""), ("GET", "/info"), ("GET", "/export"), ("GET", "/preview"), ("GET", "/members")):
        (await ada.request(method, one + path)).refused(404)
    (await ada.post(f"{one}/update", {"name": "x", "description": ""})).refused(404, "Group not found.")
    (await ada.post(f"{one}/users/add", {"user_ids": [bob.id]})).refused(404, "Group not found.")
    (await ada.delete(f"{one}/delete")).refused(404, "Group not found.")
    assert (await cy.get("/api/v1/users/groups")).ok() == []


async def test_only_administrators_touch_groups(ada: Person, bob: Person, anonymous: Person) -> None:
    one = f"{GROUPS}/id/{await make(ada, 'Staff', bob)}"
    form = {"name": "x", "description": ""}
    for method, path, body in (
        ("POST", f"{GROUPS}/create", form),
        ("GET", one, None),
        ("GET", f"{one}/export", None),
        ("GET", f"{one}/members", None),
        ("GET", f"{one}/preview", None),
        ("POST", f"{one}/users", None),
        ("POST", f"{one}/users/add", {}),
        ("POST", f"{one}/users/remove", {}),
        ("POST", f"{one}/update", form),
        ("DELETE", f"{one}/delete", None),
    ):
        for who in (bob, anonymous):
            (await who.request(method, path, json=body)).refused(401)


@pytest.mark.parametrize(
    ("body", "kind", "loc"),
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
async def test_what_cannot_be_a_group(ada: Person, body: Any, kind: str, loc: list[str]) -> None:
    (problem,) = (await ada.post(f"{GROUPS}/create", body)).refused(422)
    assert (problem["type"], problem["loc"]) == (kind, loc)
    assert (await ada.get(f"{GROUPS}/")).ok() == []


async def test_members_of_a_group_belong_to_those_above(ada: Person, bob: Person, cy: Person) -> None:
    school = await make(ada, "School", bob)
    row = await make(ada, "Row", bob, cy, parent_group_id=await make(ada, "Class", parent_group_id=school))
    url = f"{GROUPS}/id/{school}/members"
    found = (await ada.get(url)).ok()
    assert [(one["name"], one["membership_type"], one["via_group_ids"]) for one in found["items"]] == [
        ("Bob", "direct", [row]),
        ("Cy", "inherited", [row]),
    ]
    assert found["counts"] == {"direct": 1, "effective": 2, "inherited": 1}
    inherited = (await ada.get(url, membership="inherited")).ok()
    assert ([one["name"] for one in inherited["items"]], inherited["total"]) == (["Cy"], 1)
    assert (await ada.get(url, query="BOB@")).ok()["total"] == 1
    assert (await ada.get(url, page=2)).ok()["items"] == []
    assert (await ada.get(url, page=0)).refused(422)[0]["type"] == "greater_than_equal"
    assert (await ada.get(url, membership="both")).refused(422)[0]["type"] == "literal_error"
    joined = (await cy.get("/api/v1/users/groups", include_inherited=True)).ok()
    assert {one["name"]: one["membership_type"] for one in joined} == {
        "Row": "direct",
        "Class": "inherited",
        "School": "inherited",
    }
    assert len((await ada.get(f"/api/v1/users/{cy.id}/groups")).ok()) == 1


async def test_groups_form_no_circle(ada: Person) -> None:
    above = await make(ada, "Above")
    below = await make(ada, "Below", parent_group_id=above)
    circle = "A group cannot be its own parent or a descendant of itself."
    (await update(ada, above, parent_group_id=below)).refused(400, circle)
    (await update(ada, above, parent_group_id=above)).refused(400, circle)
    (await update(ada, above, parent_group_id="nothing")).refused(404, "Parent group not found.")
    (await update(ada, above, parent_group_id="")).refused(400, "Parent group must be a group ID or null.")
    assert (await update(ada, below)).ok()["parent_group_id"] == above
    assert (await update(ada, below, parent_group_id=None)).ok()["parent_group_id"] is None
    # Each below the other, at the same moment: one of them is too late.
    both = await asyncio.gather(update(ada, above, parent_group_id=below), update(ada, below, parent_group_id=above))
    assert sorted(reply.status for reply in both) == [200, 400]


async def test_what_lies_below_a_deleted_group_goes_up(ada: Person, bob: Person) -> None:
    top = await make(ada, "Top", permissions={"features": {"api_keys": True}})
    middle = await make(ada, "Middle", parent_group_id=top)
    low = await make(ada, "Low", bob, parent_group_id=middle)
    (await ada.delete(f"{GROUPS}/id/{middle}/delete")).ok()
    assert (await ada.get(f"{GROUPS}/id/{low}")).ok()["parent_group_id"] == top
    assert (await bob.get("/api/v1/users/permissions")).ok()["features"]["api_keys"] is True
    (await ada.delete(f"{GROUPS}/id/{top}/delete")).ok()
    assert (await bob.get("/api/v1/users/permissions")).ok()["features"]["api_keys"] is False


async def test_permissions_follow_groups_at_once(ada: Person, bob: Person) -> None:
    async def may() -> bool:
        tree = (await bob.get("/api/v1/users/permissions")).ok()
        return bool(tree["workspace"]["models"])

    assert not await may()
    above = await make(ada, "Above", permissions={"workspace": {"models": True}})
    group = await make(ada, "Staff", bob)
    assert not await may()
    (await update(ada, group, parent_group_id=above)).ok()
    assert await may()
    (await update(ada, above, permissions={"workspace": {"models": False}})).ok()
    assert not await may()
    (await update(ada, group, permissions={"workspace": {"models": True}})).ok()
    assert await may()
    (await ada.post(f"{GROUPS}/id/{group}/users/remove", {"user_ids": [bob.id]})).ok()
    assert not await may()


async def test_a_page_is_told_of_other_permissions(ada: Person, bob: Person) -> None:
    group = await make(ada, "Staff")
    async with open_page(bob) as page:
        told, gone = asyncio.Event(), asyncio.Event()
        page.socket.on("access:updated", lambda data: told.set())
        page.socket.on("disconnect", lambda *_: gone.set())
        (await ada.post(f"{GROUPS}/id/{group}/users/add", {"user_ids": [bob.id]})).ok()
        await asyncio.wait_for(told.wait(), 5)
        await asyncio.wait_for(gone.wait(), 5)


async def test_whom_one_may_share_with(ada: Person, bob: Person, cy: Person) -> None:
    async def names(person: Person, **query: Any) -> set[str]:
        return {group["name"] for group in (await person.get(f"{GROUPS}/", **query)).ok()}

    await make(ada, "Members", bob)
    await make(ada, "Anybody", data={"config": {"share": True}})
    await make(ada, "Nobody", bob, data={"config": {"share": False}})
    assert await names(bob, share=True) == {"Members", "Anybody"}
    assert await names(cy, share=True) == {"Anybody"}
    assert await names(cy, share=False) == {"Nobody"}
    assert await names(bob) == {"Members", "Nobody"}
    assert await names(ada, share=True) == {"Members", "Anybody", "Nobody"}


async def test_what_is_open_to_a_group_and_to_a_user(ada: Person, bob: Person) -> None:
    above = await make(ada, "Above", permissions={"chat": {"delete": False}, "workspace": {"tools": True}})
    group = await make(
        ada,
        "Staff",
        bob,
        parent_group_id=above,
        permissions={"workspace": {"prompts": True}},
        data={"config": {"default_models": ["demo-large", "demo-large"]}},
    )
    for name, principal in (("shared", above), ("closer", group), ("hidden", "nobody")):
        grant = {"principal_type": "group", "principal_id": principal, "permission": "read"}
        model = {"id": name, "base_model_id": "demo-small", "name": name, "meta": {}, "params": {}}
        (await ada.post("/api/v1/models/create", {**model, "access_grants": [grant]})).ok()
    seen = (await ada.get(f"{GROUPS}/id/{group}/preview")).ok()
    assert {one["id"] for one in seen["models"]["items"]} == {"shared", "closer"}
    assert seen["models"]["total"] == 3
    assert seen["default_models"] == {
        "local": ["demo-large"],
        "effective": ["demo-large"],
        "source_group_id": group,
    }
    assert seen["permissions"] == {"workspace": {"prompts": True}}
    workspace = seen["inherited_permissions"]["workspace"]
    assert (workspace["tools"], workspace["prompts"]) == (True, False)
    workspace = seen["effective_permissions"]["workspace"]
    assert (workspace["tools"], workspace["prompts"]) == (True, True)
    assert seen["effective_permissions"]["chat"]["delete"] is True
    above_it = (await ada.get(f"{GROUPS}/id/{above}/preview")).ok()
    assert [one["id"] for one in above_it["models"]["items"]] == ["shared"]
    assert above_it["default_models"]["local"] is None
    of_bob = (await ada.get(f"/api/v1/users/{bob.id}/preview")).ok()
    assert {one["id"] for one in of_bob["models"]["items"]} == {"shared", "closer"}
    assert {one["name"] for one in of_bob["groups"]} == {"Staff", "Above"}
    of_ada = (await ada.get(f"/api/v1/users/{ada.id}/preview")).ok()
    assert len(of_ada["models"]["items"]) == 3  # her own
