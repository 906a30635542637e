"""Channels as records: who creates, opens, changes, shares and deletes them, and what pages hear of that."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from channel_client import (
    CHANNELS,
    PROHIBITED,
    READ,
    WRITE,
    WRONG,
    create_channel,
    create_group,
    enable_channels,
    open_channel_page,
)
from conftest import Person, Server
from fastback.kit.db import Database
from loop_holds import measure_holds


@pytest.fixture(autouse=True)
async def channels(ada: Person) -> None:
    await enable_channels(ada)


async def count_rows(server: Server, table: str) -> int:
    return int(await server.services.get(Database).fetch_value("test.count", f"SELECT count(*) FROM {table}"))


async def test_an_administrator_opens_a_channel_for_everyone(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada, "General", description="All of us", meta={"a": 1})
    assert channel["name"] == "general"
    assert (channel["type"], channel["meta"], channel["data"]) == (None, {"a": 1}, None)
    assert [grant["permission"] for grant in channel["access_grants"]] == ["read", "write"]
    opened = (await bob.get(f"{CHANNELS}/{channel['id']}")).ok()
    assert {key: opened[key] for key in channel} == channel
    assert (opened["is_manager"], opened["write_access"], opened["user_count"]) == (False, True, 2)
    assert (opened["users"], opened["user_ids"], opened["unread_count"]) == (None, None, 0)
    assert (await ada.get(f"{CHANNELS}/{channel['id']}")).ok()["is_manager"] is True
    (listed,) = (await bob.get(f"{CHANNELS}/")).ok()
    assert listed["id"] == channel["id"]


async def test_users_create_group_channels_and_no_standard_ones(ada: Person, bob: Person, cy: Person) -> None:
    for kind in (None, "", "forum"):
        (await bob.post(f"{CHANNELS}/create", {"name": "x", "type": kind})).refused(401, "401 Unauthorized")
    channel = await create_group(bob, cy, name="Birds", is_private=True)
    opened = (await cy.get(f"{CHANNELS}/{channel['id']}")).ok()
    assert set(opened["user_ids"]) == {bob.id, cy.id}
    assert {user["name"] for user in opened["users"]} == {"Bob", "Cy"}
    assert (opened["user_count"], opened["write_access"], opened["is_manager"]) == (2, True, False)
    # An administrator is no member.
    (await ada.get(f"{CHANNELS}/{channel['id']}")).refused(403, WRONG)
    assert (await ada.get(f"{CHANNELS}/")).ok() == []


async def test_a_group_brings_its_users_and_those_of_the_groups_below(ada: Person, bob: Person, cy: Person) -> None:
    staff = (await ada.post("/api/v1/groups/create", {"name": "Staff", "description": ""})).ok()
    form = {"name": "Cooks", "description": "", "parent_group_id": staff["id"]}
    cooks = (await ada.post("/api/v1/groups/create", form)).ok()
    (await ada.post(f"/api/v1/groups/id/{cooks['id']}/users/add", {"user_ids": [cy.id]})).ok()
    channel = await create_channel(bob, type="group", group_ids=[staff["id"]], user_ids=["nobody"], access_grants=[])
    assert set((await bob.get(f"{CHANNELS}/{channel['id']}")).ok()["user_ids"]) == {bob.id, cy.id}


async def test_a_group_of_thousands_does_not_hold_the_loop(server: Server, ada: Person, bob: Person) -> None:
    staff, db = (await ada.post("/api/v1/groups/create", {"name": "Staff", "description": ""})).ok(), server.services
    users = [{"id": f"u{number}", "email": f"u{number}@x.test"} for number in range(5000)]
    columns = "id, email, name, role, profile_image_url, last_active_at, updated_at, created_at"
    values = ":id, :email, :id, 'user', '/user.png', 1, 1, 1"
    await db.get(Database).execute_many("test.insert", f'INSERT INTO "user" ({columns}) VALUES ({values})', users)
    channel = await create_channel(bob, type="group", access_grants=[])
    with measure_holds() as holds:
        form = {"user_ids": [user["id"] for user in users]}
        (await ada.post(f"/api/v1/groups/id/{staff['id']}/users/add", form)).ok()
        added = (await bob.post(f"{CHANNELS}/{channel['id']}/update/members/add", {"group_ids": [staff["id"]]})).ok()
    assert len(added) == 5000 and {member["invited_by"] for member in added} == {bob.id}
    assert holds.callback < 30, holds.slowest  # 10 to 15; one statement for each took 60


async def test_two_users_have_one_direct_channel(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    first = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    assert (first["type"], first["name"], first["user_id"]) == ("dm", "", bob.id)
    assert (await cy.get(f"{CHANNELS}/users/{bob.id}")).ok()["id"] == first["id"]
    form = {"type": "dm", "name": "", "user_ids": [bob.id]}
    assert (await cy.post(f"{CHANNELS}/create", form)).ok()["id"] == first["id"]
    # Three users have another one, and so has a user alone.
    three = (await cy.post(f"{CHANNELS}/create", {**form, "user_ids": [bob.id, ada.id]})).ok()
    alone = (await cy.get(f"{CHANNELS}/users/{cy.id}")).ok()
    assert len({first["id"], three["id"], alone["id"]}) == 3
    (listed,) = [entry for entry in (await bob.get(f"{CHANNELS}/")).ok() if entry["id"] == first["id"]]
    assert set(listed["user_ids"]) == {bob.id, cy.id}
    assert await count_rows(server, "channel") == 3


async def test_direct_channels_that_are_opened_at_once_are_one(server: Server, bob: Person, cy: Person) -> None:
    opened = await asyncio.gather(
        *(person.get(f"{CHANNELS}/users/{other.id}") for person, other in [(bob, cy), (cy, bob)] * 4)
    )
    assert len({reply.ok()["id"] for reply in opened}) == 1
    assert await count_rows(server, "channel_member") == 2


async def test_a_direct_channel_needs_people_who_exist(server: Server, bob: Person, cy: Person) -> None:
    (await bob.get(f"{CHANNELS}/users/nobody")).refused(404)
    form: dict[str, Any] = {"type": "dm", "name": "", "user_ids": [cy.id, "nobody"]}
    (await bob.post(f"{CHANNELS}/create", form)).refused(404)
    (await bob.post(f"{CHANNELS}/create", {"type": "dm", "name": ""})).refused(400, WRONG)
    assert await count_rows(server, "channel") == 0


async def test_a_hidden_direct_channel_returns_when_it_is_opened(bob: Person, cy: Person) -> None:
    channel = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    path = f"{CHANNELS}/{channel['id']}/members/active"
    assert (await bob.post(path, {"is_active": False})).ok() is True
    assert (await bob.get(f"{CHANNELS}/")).ok() == []
    (await bob.get(f"{CHANNELS}/{channel['id']}")).refused(403, WRONG)
    (await bob.post(path, {"is_active": True})).refused(404)
    (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    assert len((await bob.get(f"{CHANNELS}/")).ok()) == 1


async def test_owners_and_administrators_change_a_channel(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(bob, cy)
    path = f"{CHANNELS}/{channel['id']}/update"
    form = {"name": "Birds", "description": "d", "is_private": True, "data": {"x": [1]}, "meta": {}}
    (await cy.post(path, form)).refused(403, WRONG)
    changed = (await bob.post(path, form)).ok()
    assert {name: changed[name] for name in form} == form
    assert changed["updated_at"] > channel["updated_at"]
    assert (await ada.post(path, {"name": "Herons"})).ok()["is_private"] is None
    (await ada.post(f"{CHANNELS}/nothing/update", form)).refused(404)


async def test_grants_decide_who_reads_a_standard_channel(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_channel(ada, access_grants=[])
    path = f"{CHANNELS}/{channel['id']}"
    (await bob.get(path)).refused(403, WRONG)
    for_bob = {"principal_type": "user", "principal_id": bob.id, "permission": "read"}
    shared = (await ada.post(f"{path}/access/update", {"access_grants": [for_bob]})).ok()
    assert [grant["principal_id"] for grant in shared["access_grants"]] == [bob.id]
    opened = (await bob.get(path)).ok()
    assert (opened["write_access"], opened["user_count"]) == (False, 2)
    (await cy.get(path)).refused(403, WRONG)
    (await bob.post(f"{path}/access/update", {"access_grants": []})).refused(403, PROHIBITED)
    (await ada.post(f"{path}/access/update", {})).refused(422)
    group = await create_group(ada, bob)
    (await ada.post(f"{CHANNELS}/{group['id']}/access/update", {"access_grants": []})).refused(403, PROHIBITED)


async def test_readers_are_listed_a_page_at_a_time(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    for number in range(31):
        await server.add_user(ada, f"User{number:02}")
    await server.add_user(ada, "Waiting", "pending")
    channel = await create_channel(ada)
    path = f"{CHANNELS}/{channel['id']}/members"
    first = (await bob.get(path, order_by="name", direction="asc")).ok()
    assert (len(first["users"]), first["total"]) == (30, 34)
    assert [user["name"] for user in first["users"][:3]] == ["Ada", "Bob", "Cy"]
    assert set(first["users"][0]) == {
        *("id", "email", "name", "role", "profile_image_url", "presence_state"),
        *("status_emoji", "status_message", "status_expires_at", "is_active"),
    }
    second = (await bob.get(path, order_by="name", direction="asc", page=2)).ok()
    assert [user["name"] for user in second["users"]] == ["User27", "User28", "User29", "User30"]
    assert (await bob.get(path, page=9)).ok() == {"users": [], "total": 34}
    assert (await bob.get(path, page=10**18)).ok()["users"] == []
    found = (await bob.get(path, query="USER0", order_by="email", direction="desc")).ok()
    assert (found["users"][0]["name"], found["total"]) == ("User09", 10)
    private = await create_group(bob, cy)
    assert (await cy.get(f"{CHANNELS}/{private['id']}/members")).ok()["total"] == 2
    (await ada.get(f"{CHANNELS}/{private['id']}/members")).refused(403, WRONG)
    direct = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    users = (await cy.get(f"{CHANNELS}/{direct['id']}/members")).ok()["users"]
    assert {user["id"] for user in users} == {bob.id, cy.id}


async def test_members_come_and_go(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(bob)
    path = f"{CHANNELS}/{channel['id']}/update/members"
    (await cy.post(f"{path}/add", {"user_ids": [cy.id]})).refused(403, WRONG)
    (added,) = (await bob.post(f"{path}/add", {"user_ids": [cy.id, "nobody"]})).ok()
    assert (added["user_id"], added["status"], added["is_active"], added["invited_by"]) == (
        cy.id,
        "joined",
        True,
        bob.id,
    )
    assert (await bob.post(f"{path}/add", {"user_ids": [cy.id]})).ok() == []
    assert len((await cy.get(f"{CHANNELS}/")).ok()) == 1
    (await cy.post(f"{path}/remove", {"user_ids": [bob.id]})).refused(403, WRONG)
    assert (await ada.post(f"{path}/remove", {"user_ids": [cy.id, "nobody"]})).ok() == 1
    assert (await cy.get(f"{CHANNELS}/")).ok() == []
    direct = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    for action in ("add", "remove"):
        (await bob.post(f"{CHANNELS}/{direct['id']}/update/members/{action}", {"user_ids": []})).refused(403, WRONG)


async def test_a_channel_is_deleted_with_everything_in_it(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(bob, cy)
    path = f"{CHANNELS}/{channel['id']}/delete"
    (await cy.delete(path)).refused(403, WRONG)
    assert (await bob.delete(path)).ok() is True
    (await bob.delete(path)).refused(404)
    (await bob.get(f"{CHANNELS}/{channel['id']}")).refused(404)
    for table in ("channel", "channel_member", "access_grant WHERE resource_type = 'channel'"):
        assert await count_rows(server, table) == 0


async def test_a_member_mutes_a_channel(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    path = f"{CHANNELS}/{channel['id']}/members/mute"
    async with open_channel_page(bob) as page:
        assert (await bob.post(path, {"is_channel_muted": True})).ok() == {"is_channel_muted": True}
        event = await page.wait_for("channel:mute")
        assert event == {
            "channel_id": channel["id"],
            "data": {"type": "channel:mute", "data": {"is_channel_muted": True}},
        }
    assert [entry["is_channel_muted"] for entry in (await bob.get(f"{CHANNELS}/")).ok()] == [True]
    assert (await bob.post(path, {"is_channel_muted": False})).ok() == {"is_channel_muted": False}
    assert (await bob.get(f"{CHANNELS}/{channel['id']}")).ok()["is_channel_muted"] is False
    (await bob.post(path, {"is_channel_muted": "perhaps"})).refused(422)


# -- pages ---------------------------------------------------------------------------------------------------------


async def test_members_see_who_is_typing(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(ada, bob)
    async with open_channel_page(ada) as adas, open_channel_page(bob) as bobs, open_channel_page(cy) as cys:
        await bobs.send(channel, "typing", {"typing": True}, message_id="thread")
        event = await adas.wait_for("typing")
        assert event == {
            "channel_id": channel["id"],
            "message_id": "thread",
            "data": {"type": "typing", "data": {"typing": True}},
            "user": {"id": bob.id, "name": "Bob", "role": "user"},
        }
        # A stranger neither hears of it nor joins in, and odd values are ignored.
        await cys.send(channel, "typing", {"typing": True})
        for content in (None, [], {}, {"typing": "x" * 100}, {"typing": None}):
            await bobs.send(channel, "typing", content)
        await bobs.send(channel, "typing", {"typing": True}, message_id="x" * 10_000)
        await bobs.socket.emit("events:channel", {"channel_id": [channel["id"]], "data": {"type": "typing"}})
        await bobs.socket.emit("events:channel", "typing")
        for page in (bobs, cys):
            await page.settle()
        await bobs.send(channel, "typing", {"typing": False})
        await adas.wait_for("typing", lambda event: not event["data"]["data"]["typing"])
        assert len(adas.list_events("typing")) == 2
        assert cys.events == []


async def test_pages_of_new_members_join_the_room_and_those_of_lost_ones_leave_it(
    ada: Person, bob: Person, cy: Person
) -> None:
    channel = await create_group(bob)
    path = f"{CHANNELS}/{channel['id']}/update/members"
    async with open_channel_page(bob) as bobs, open_channel_page(cy) as cys:
        (await bob.post(f"{path}/add", {"user_ids": [cy.id]})).ok()
        assert await cys.wait_for("channel:created") == {"data": {"type": "channel:created"}}
        await bobs.send(channel, "typing", {"typing": True})
        await cys.wait_for("typing")
        (await bob.post(f"{path}/remove", {"user_ids": [cy.id]})).ok()
        await bobs.send(channel, "typing", {"typing": False})
        await bobs.wait_for("typing", lambda event: not event["data"]["data"]["typing"])
        await cys.settle()
        assert len(cys.list_events("typing")) == 1


async def test_pages_of_users_who_lose_a_grant_leave_the_room(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_channel(ada)
    path = f"{CHANNELS}/{channel['id']}/access/update"
    for_cy = [{**grant, "principal_id": cy.id} for grant in (READ, WRITE)]
    async with open_channel_page(ada) as adas, open_channel_page(bob) as bobs, open_channel_page(cy) as cys:
        (await ada.post(path, {"access_grants": for_cy})).ok()
        await adas.send(channel, "typing", {"typing": True})
        await cys.wait_for("typing")
        await bobs.settle()
        assert bobs.list_events("typing") == []


async def test_a_page_joins_channels_that_are_new(ada: Person, bob: Person) -> None:
    async with open_channel_page(bob) as bobs, open_channel_page(ada) as adas:
        channel = await create_channel(ada)
        for page in (bobs, adas):
            await page.socket.emit("join-channels", {"auth": {"token": page.person.token}})
            await page.settle()
        await adas.send(channel, "typing", {"typing": True})
        await bobs.wait_for("typing")
        for message in (None, [], {}, {"auth": {"token": 5}}):
            await bobs.socket.emit("join-channels", message)
        await bobs.settle()


async def test_users_without_the_permission_receive_nothing(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["channels"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    async with open_channel_page(ada) as adas, open_channel_page(bob) as bobs:
        await adas.send(channel, "typing", {"typing": True})
        await adas.wait_for("typing")
        await bobs.settle()
        assert bobs.events == []
    for path in ("/", "/list", f"/{channel['id']}", f"/users/{ada.id}", f"/{channel['id']}/members"):
        (await bob.get(f"{CHANNELS}{path}")).refused(401, "401 Unauthorized")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_odd_forms_are_refused(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    for form in (
        {"name": 5},
        {"name": "x" * 65_536},
        {"name": None},
        {"name": "x", "data": []},
        {"name": "x", "user_ids": "all"},
        {"name": "x", "user_ids": [5]},
        {"name": "x", "access_grants": {}},
        {"name": "x", "type": "t" * 1000},
    ):
        (await ada.post(f"{CHANNELS}/create", form)).refused(422)
    (await ada.post(f"{CHANNELS}/{channel['id']}/update", {"name": "x" * 65_536})).refused(422)
    (await ada.post(f"{CHANNELS}/{channel['id']}/update/members/add", {"user_ids": [None]})).refused(422)


# -- apps ----------------------------------------------------------------------------------------------------------


async def add_app(server: Server, admin: Person, *, is_active: bool = True) -> str:
    """Insert an app as if it were connected, which every user may use, and return its id."""
    app_id = "clock" if is_active else "broken"
    data = '{"manifest": {"public_key": "k"}, "url": "https://example.com", "connection_token": "s", "webui_url": "u"}'
    insert = """INSERT INTO app (id, slug, name, is_active, data, api_key, created_at, updated_at, user_id)
        VALUES (:id, :id, 'Clock', :is_active, :data, 'sealed', 1, 1, :user_id)"""
    db = server.services.get(Database)
    await db.execute("test.app", insert, id=app_id, is_active=is_active, data=data, user_id=admin.id)
    grant = """INSERT INTO access_grant (id, resource_type, resource_id, principal_type, principal_id, permission,
        created_at) VALUES (:id, 'app', :id, 'user', '*', 'read', 1)"""
    await db.execute("test.grant", grant, id=app_id)
    return app_id


async def test_managers_invite_apps(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(bob, cy)
    path = f"{CHANNELS}/{channel['id']}/apps"
    (await bob.get(path)).refused(404, "Apps are disabled")
    await enable_channels(ada, apps__enable=True)
    app_id, inactive_id = await add_app(server, ada), await add_app(server, ada, is_active=False)
    assert (await cy.get(path)).ok() == []
    (await cy.post(path, {"app_id": app_id})).refused(403, "Channel access denied")
    (await bob.post(path, {"app_id": "nothing"})).refused(404, "App not found")
    (await bob.post(path, {"app_id": inactive_id})).refused(403, "App is inactive")
    (await bob.post(path, {"app_id": app_id, "more": 1})).refused(422)
    invited = (await bob.post(path, {"app_id": app_id})).ok()
    assert set(invited) == {*("id", "slug", "name", "is_active", "configured", "data", "created_at", "updated_at")}
    assert "connection_token" not in invited["data"]
    assert (await bob.post(path, {"app_id": app_id})).ok() == invited
    assert (await cy.get(path)).ok() == [invited]
    # An app is no user: nothing else lists it.
    assert set((await bob.get(f"{CHANNELS}/{channel['id']}")).ok()["user_ids"]) == {bob.id, cy.id}
    (await cy.delete(f"{path}/{app_id}")).refused(403, "Channel access denied")
    assert (await bob.delete(f"{path}/{app_id}")).ok() == {"removed": True}
    assert (await ada.get(path)).ok() == []
    direct = (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()
    (await bob.get(f"{CHANNELS}/{direct['id']}/apps")).refused(404, "Channel unavailable")
