"""Messages of channels: posted, answered in threads, changed, pinned, reacted to, deleted; and what pages hear."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from channel_client import (
    CHANNELS,
    READ,
    WRONG,
    create_channel,
    create_group,
    enable_channels,
    open_channel_page,
    post_message,
)
from conftest import Person, Server
from fastback.kit.db import Database


@pytest.fixture(autouse=True)
async def channels(ada: Person) -> None:
    await enable_channels(ada)


def address(channel: Any, message: Any = None, action: str = "") -> str:
    path = f"{CHANNELS}/{channel['id']}/messages"
    return path + (f"/{message['id']}" if message is not None else "") + (f"/{action}" if action else "")


async def count_rows(server: Server, table: str) -> int:
    return int(await server.services.get(Database).fetch_value("test.count", f"SELECT count(*) FROM {table}"))


async def list_contents(person: Person, channel: Any, **query: Any) -> list[str]:
    return [message["content"] for message in (await person.get(address(channel), **query)).ok()]


async def test_a_message_reaches_the_pages_of_the_channel(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(ada, bob)
    async with open_channel_page(bob) as bobs, open_channel_page(cy) as cys:
        data = {"files": [{"type": "file", "id": "f", "name": "x.txt"}]}
        posted = await post_message(ada, channel, "Hello", temp_id="t1", data=data, meta={"model_id": "forged"})
        assert (posted["content"], posted["data"], posted["meta"]) == ("Hello", data, None)
        assert posted["etag"] == str(posted["updated_at"])
        event = await bobs.wait_for("message")
        author = {"id": ada.id, "name": "Ada", "role": "admin"}
        assert event["user"] == author
        assert event["channel"] == channel
        assert (event["channel_id"], event["message_id"]) == (channel["id"], posted["id"])
        assert event["data"]["data"] == {
            "temp_id": "t1",
            **posted,
            "user": author,
            "reply_to_message": None,
            "latest_reply_at": None,
            "reply_count": 0,
            "reactions": [],
        }
        await cys.settle()
        assert cys.events == []
    (listed,) = (await bob.get(address(channel))).ok()
    assert listed == {
        **{key: value for key, value in event["data"]["data"].items() if key != "temp_id"},
        "data": True,
    }
    assert (await bob.get(address(channel, posted))).ok()["data"] == data
    assert (await bob.get(address(channel, posted, "data"))).ok() == data


async def test_the_list_is_read_a_page_at_a_time(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    for number in range(6):
        await post_message(ada, channel, str(number))
    assert await list_contents(bob, channel) == ["5", "4", "3", "2", "1", "0"]
    assert await list_contents(bob, channel, skip=1, limit=2) == ["4", "3"]
    assert await list_contents(bob, channel, limit=0) == []
    assert await list_contents(bob, channel, skip=-5, limit=10**9) == ["5", "4", "3", "2", "1", "0"]
    assert await list_contents(bob, channel, skip=2**62) == []
    (await bob.get(address(channel), limit="many")).refused(422)
    (await bob.get(address(channel), skip=2**64)).refused(422)


async def test_a_reply_quotes_a_message(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    first = await post_message(ada, channel, "Who?", data={"files": []})
    await post_message(bob, channel, "Me.", reply_to_id=first["id"])
    listed = (await ada.get(address(channel))).ok()[0]
    quoted = listed["reply_to_message"]
    assert (quoted["id"], quoted["content"], quoted["data"]) == (first["id"], "Who?", False)
    assert quoted["user"] == {"id": ada.id, "name": "Ada", "role": "admin"}
    (await ada.delete(address(channel, first, "delete"))).ok()
    assert (await ada.get(address(channel))).ok()[0]["reply_to_message"] is None


async def test_a_thread_is_beside_the_channel(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    parent = await post_message(ada, channel, "Parent")
    async with open_channel_page(ada) as page:
        replies = [await post_message(bob, channel, f"Reply {n}", parent_id=parent["id"]) for n in range(3)]
        event = await page.wait_for("message:reply", lambda event: event["data"]["data"]["reply_count"] == 3)
        assert event["message_id"] == parent["id"]
        assert event["data"]["data"]["latest_reply_at"] == replies[2]["created_at"]
    assert await list_contents(bob, channel) == ["Parent"]
    (listed,) = (await bob.get(address(channel))).ok()
    assert (listed["reply_count"], listed["latest_reply_at"]) == (3, replies[2]["created_at"])
    thread = (await ada.get(address(channel, parent, "thread"))).ok()
    assert [message["content"] for message in thread] == ["Reply 2", "Reply 1", "Reply 0", "Parent"]
    assert [message["reply_count"] for message in thread] == [0, 0, 0, 0]

    async def list_thread(**query: Any) -> list[str]:
        messages = (await ada.get(address(channel, parent, "thread"), **query)).ok()
        return [message["content"] for message in messages]

    assert await list_thread(limit=2) == ["Reply 2", "Reply 1"]
    assert await list_thread(limit=-3) == ["Reply 2"]
    assert await list_thread(before=replies[1]["id"]) == ["Reply 0", "Parent"]
    assert await list_thread(around=replies[0]["id"]) == ["Reply 2", "Reply 1", "Reply 0", "Parent"]
    assert await list_thread(around=parent["id"], limit=1) == ["Reply 2"]
    # The page opens a thread like this.
    assert await list_thread(skip=0, limit=50, around="") == ["Reply 2", "Reply 1", "Reply 0", "Parent"]
    for odd in ("nothing", (await post_message(ada, channel, "Other"))["id"]):
        assert await list_thread(before=odd) == []
    assert (await ada.get(address(channel, {"id": "nothing"}, "thread"))).ok() == []


async def test_a_window_of_a_long_thread_begins_above_its_message(ada: Person) -> None:
    channel = await create_channel(ada)
    parent = await post_message(ada, channel, "Parent")
    replies = [await post_message(ada, channel, f"{n}", parent_id=parent["id"]) for n in range(15)]
    thread = (await ada.get(address(channel, parent, "thread"), around=replies[2]["id"], limit=12)).ok()
    assert [message["content"] for message in thread] == [str(n) for n in range(12, 0, -1)]


async def test_messages_refer_to_their_own_channel_alone(ada: Person, bob: Person) -> None:
    channel, other = await create_channel(ada), await create_channel(ada, "other")
    foreign = await post_message(ada, other, "Elsewhere")
    for form in ({"parent_id": foreign["id"]}, {"reply_to_id": foreign["id"]}, {"parent_id": "nothing"}):
        (await bob.post(address(channel, action="post"), {"content": "x", **form})).refused(400, WRONG)
    deleted = await post_message(ada, channel, "Gone")
    (await ada.delete(address(channel, deleted, "delete"))).ok()
    (await bob.post(address(channel, action="post"), {"content": "x", "parent_id": deleted["id"]})).refused(400, WRONG)
    for method, action, form in (
        ("GET", "", None),
        ("GET", "data", None),
        ("POST", "pin", {"is_pinned": True}),
        ("POST", "update", {"content": "x"}),
        ("POST", "reactions/add", {"name": "smile"}),
        ("POST", "reactions/remove", {"name": "smile"}),
        ("DELETE", "delete", None),
    ):
        (await ada.request(method, address(channel, foreign, action), json=form)).refused(400, WRONG)
        (await ada.request(method, address(channel, deleted, action), json=form)).refused(404)
        (await ada.request(method, address({"id": "nothing"}, deleted, action), json=form)).refused(404)
    assert (await ada.get(address(channel, foreign, "thread"))).ok() == []


async def test_readers_neither_write_nor_react(ada: Person, bob: Person, cy: Person) -> None:
    for_bob = {**READ, "principal_id": bob.id}
    channel = await create_channel(ada, access_grants=[for_bob])
    message = await post_message(ada, channel, "Read me")
    assert await list_contents(bob, channel) == ["Read me"]
    (await cy.get(address(channel))).refused(403, WRONG)
    for person in (bob, cy):
        for method, action, form in (
            ("POST", "pin", {"is_pinned": True}),
            ("POST", "update", {"content": "x"}),
            ("POST", "reactions/add", {"name": "smile"}),
            ("POST", "reactions/remove", {"name": "smile"}),
            ("DELETE", "delete", None),
        ):
            (await person.request(method, address(channel, message, action), json=form)).refused(403, WRONG)
        (await person.post(address(channel, action="post"), {"content": "x"})).refused(403, WRONG)


async def test_users_change_their_own_messages(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_channel(ada)
    message = await post_message(bob, channel, "Frist", data={"files": [1], "keep": {"a": 1.5}})
    path = address(channel, message, "update")
    (await cy.post(path, {"content": "Mine"})).refused(403, WRONG)
    async with open_channel_page(cy) as page:
        changed = (await bob.post(path, {"content": "First", "data": {"files": []}, "meta": {"model_id": "x"}})).ok()
        assert (changed["content"], changed["data"], changed["meta"]) == (
            "First",
            {"files": [], "keep": {"a": 1.5}},
            {},
        )
        assert changed["updated_at"] > message["updated_at"]
        event = await page.wait_for("message:update")
        assert event["data"]["data"]["content"] == "First"
        assert event["user"]["id"] == bob.id
    assert (await ada.post(path, {"content": "Moderated"})).ok()["user_id"] == bob.id
    private = await create_group(bob, cy)
    message = await post_message(bob, private, "Ours")
    (await ada.post(address(private, message, "update"), {"content": "x"})).refused(403, WRONG)
    (await cy.post(address(private, message, "update"), {"content": "x"})).refused(403, WRONG)


async def test_changes_at_once_keep_each_others_data(ada: Person) -> None:
    channel = await create_channel(ada)
    message = await post_message(ada, channel, "x", data={"first": True})
    path = address(channel, message, "update")
    await asyncio.gather(*(ada.post(path, {"content": "x", "data": {f"n{n}": n}}) for n in range(8)))
    data = (await ada.get(address(channel, message, "data"))).ok()
    assert data == {"first": True, **{f"n{n}": n for n in range(8)}}


async def test_reactions_are_counted_by_emoji(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    message = await post_message(ada, channel, "Nice")
    async with open_channel_page(ada) as page:
        for person, name in ((bob, "smile"), (ada, "smile"), (bob, "smile"), (bob, "heart")):
            assert (await person.post(address(channel, message, "reactions/add"), {"name": name})).ok() is True
        event = await page.wait_for("message:reaction:add", lambda event: event["data"]["data"]["name"] == "heart")
        assert event["user"] == {"id": bob.id, "name": "Bob", "role": "user"}
        assert event["data"]["data"]["content"] == "Nice"
        both = [{"id": bob.id, "name": "Bob"}, {"id": ada.id, "name": "Ada"}]
        reactions = [
            {"name": "smile", "users": both, "count": 2},
            {"name": "heart", "users": both[:1], "count": 1},
        ]
        assert event["data"]["data"]["reactions"] == reactions
        assert (await ada.get(address(channel))).ok()[0]["reactions"] == reactions
        for _ in range(2):
            assert (await bob.post(address(channel, message, "reactions/remove"), {"name": "smile"})).ok() is True
        event = await page.wait_for("message:reaction:remove")
        assert [reaction["count"] for reaction in event["data"]["data"]["reactions"]] == [1, 1]


async def test_the_same_reaction_at_once_counts_once(server: Server, ada: Person) -> None:
    channel = await create_channel(ada)
    message = await post_message(ada, channel, "Nice")
    path = address(channel, message, "reactions/add")
    await asyncio.gather(*(ada.post(path, {"name": "smile"}) for _ in range(8)))
    assert await count_rows(server, "message_reaction") == 1


async def test_a_user_has_a_limited_number_of_reactions(ada: Person) -> None:
    channel = await create_channel(ada)
    path = address(channel, await post_message(ada, channel, "Nice"), "reactions/add")
    for number in range(100):
        (await ada.post(path, {"name": f"e{number}"})).ok()
    (await ada.post(path, {"name": "e1"})).ok()
    (await ada.post(path, {"name": "e100"})).refused(400, "Too many reactions to this message.")


async def test_pinned_messages_are_listed_last_pinned_first(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    messages = [await post_message(ada, channel, str(number), data={"a": 1}) for number in range(22)]
    async with open_channel_page(ada) as page:
        for message in messages:
            pinned = (await bob.post(address(channel, message, "pin"), {"is_pinned": True})).ok()
            assert (pinned["is_pinned"], pinned["pinned_by"], pinned["data"]) == (True, bob.id, True)
        event = await page.wait_for("message:update")
        assert event["data"]["data"]["is_pinned"] is True
    first = (await bob.get(address(channel, action="pinned"))).ok()
    assert [message["content"] for message in first] == [str(number) for number in range(21, 1, -1)]
    assert "reply_to_message" not in first[0]
    assert len((await bob.get(address(channel, action="pinned"), page=2)).ok()) == 2
    assert (await bob.get(address(channel, action="pinned"), page=2**60)).ok() == []
    unpinned = (await bob.post(address(channel, messages[0], "pin"), {"is_pinned": False})).ok()
    assert (unpinned["is_pinned"], unpinned["pinned_by"], unpinned["pinned_at"]) == (False, None, None)
    assert len((await bob.get(address(channel, action="pinned"), page=2)).ok()) == 1


async def test_a_message_is_deleted_with_its_thread(server: Server, ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_channel(ada)
    parent = await post_message(bob, channel, "Parent")
    replies = [await post_message(ada, channel, f"{n}", parent_id=parent["id"]) for n in range(2)]
    for message in (parent, *replies):
        (await cy.post(address(channel, message, "reactions/add"), {"name": "smile"})).ok()
    (await cy.delete(address(channel, parent, "delete"))).refused(403, WRONG)
    async with open_channel_page(cy) as page:
        (await ada.delete(address(channel, replies[1], "delete"))).ok()
        event = await page.wait_for("message:reply")
        assert (event["message_id"], event["data"]["data"]["reply_count"]) == (parent["id"], 1)
        (await bob.delete(address(channel, parent, "delete"))).ok()
        event = await page.wait_for("message:delete", lambda event: event["message_id"] == parent["id"])
        assert event["data"]["data"]["content"] == "Parent"
        assert event["data"]["data"]["user"]["id"] == bob.id
    assert await count_rows(server, "message") == 0
    assert await count_rows(server, "message_reaction") == 0
    (await bob.delete(address(channel, parent, "delete"))).refused(404)


async def test_a_deleted_channel_takes_thousands_of_messages_along(server: Server, ada: Person) -> None:
    db = server.services.get(Database)
    channel, other = await create_channel(ada), await create_channel(ada, "other")
    await post_message(ada, other, "Stays")
    insert = """INSERT INTO message (id, user_id, channel_id, content, is_pinned, created_at, updated_at)
        VALUES (:id, :user_id, :channel_id, 'x', FALSE, :n, :n)"""
    rows = [{"id": f"m{n}", "user_id": ada.id, "channel_id": channel["id"], "n": n} for n in range(2500)]
    await db.execute_many("test.messages", insert, rows)
    (await ada.delete(f"{CHANNELS}/{channel['id']}/delete")).ok()
    for _ in range(100):
        if await count_rows(server, "message") == 1:
            break
        await asyncio.sleep(0.05)
    assert await count_rows(server, "message") == 1


async def test_unread_messages_are_counted_until_they_are_read(ada: Person, bob: Person) -> None:
    channel = await create_group(ada, bob)

    async def count_unread(person: Person) -> int:
        (listed,) = (await person.get(f"{CHANNELS}/")).ok()
        assert (await person.get(f"{CHANNELS}/{channel['id']}")).ok()["unread_count"] == listed["unread_count"]
        return int(listed["unread_count"])

    parent = await post_message(ada, channel, "One")
    await post_message(ada, channel, "Two")
    await post_message(ada, channel, "In the thread", parent_id=parent["id"])
    assert (await count_unread(ada), await count_unread(bob)) == (0, 2)
    async with open_channel_page(bob) as page:
        await page.send(channel, "last_read_at")
        await page.settle()
        assert await count_unread(bob) == 0
        read_at = (await bob.get(f"{CHANNELS}/{channel['id']}")).ok()["last_read_at"]
        await page.send(channel, "last_read_at")
        await page.settle()
        assert (await bob.get(f"{CHANNELS}/{channel['id']}")).ok()["last_read_at"] == read_at
    await post_message(bob, channel, "Three")
    assert (await count_unread(ada), await count_unread(bob)) == (1, 0)


async def test_a_message_brings_a_hidden_channel_back(ada: Person, bob: Person) -> None:
    channel = (await ada.get(f"{CHANNELS}/users/{bob.id}")).ok()
    (await bob.post(f"{CHANNELS}/{channel['id']}/members/active", {"is_active": False})).ok()
    assert (await bob.get(f"{CHANNELS}/")).ok() == []
    await post_message(ada, channel, "Hello?")
    (listed,) = (await bob.get(f"{CHANNELS}/")).ok()
    assert listed["unread_count"] == 1


async def test_the_reader_of_a_standard_channel_becomes_a_member(ada: Person, bob: Person) -> None:
    channel = await create_channel(ada)
    await post_message(ada, channel, "Before")
    assert (await bob.get(f"{CHANNELS}/")).ok()[0]["unread_count"] == 0
    await asyncio.gather(*(bob.get(address(channel)) for _ in range(5)))
    await post_message(ada, channel, "After")
    (listed,) = (await bob.get(f"{CHANNELS}/")).ok()
    assert listed["unread_count"] == 1


async def test_members_read_files_of_the_channel(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(ada, bob)
    import aiohttp

    form = aiohttp.FormData()
    form.add_field("file", b"herons", filename="birds.txt", content_type="text/plain")
    form.add_field("metadata", f'{{"channel_id": "{channel["id"]}"}}')
    file = (await ada.request("POST", "/api/v1/files/", data=form)).ok()
    message = await post_message(ada, channel, "Look", data={"files": [{"type": "file", "id": file["id"]}]})
    assert (await bob.get(f"/api/v1/files/{file['id']}/content")).body == b"herons"
    assert (await cy.get(f"/api/v1/files/{file['id']}/content")).status == 404
    (await ada.delete(address(channel, message, "delete"))).ok()
    assert (await bob.get(f"/api/v1/files/{file['id']}/content")).status == 404


@pytest.mark.parametrize("database", ["sqlite"])
async def test_odd_messages_are_refused(ada: Person) -> None:
    channel = await create_channel(ada)
    message = await post_message(ada, channel, "x")
    for form in (
        {},
        {"content": None},
        {"content": 5},
        {"content": "x" * 1_000_000},
        {"content": "x", "data": []},
        {"content": "x", "parent_id": 5},
        {"content": "x", "parent_id": "x" * 65_536},
        {"content": "x", "temp_id": {}},
    ):
        (await ada.post(address(channel, action="post"), form)).refused(422)
        (await ada.post(address(channel, message, "update"), form)).refused(422)
    for form in ({}, {"name": ""}, {"name": 5}, {"name": "e" * 65_536}):
        (await ada.post(address(channel, message, "reactions/add"), form)).refused(422)
    (await ada.post(address(channel, message, "pin"), {"is_pinned": "perhaps"})).refused(422)
    too_large = {"content": "x", "data": {"text": "x" * 5_000_000}}
    (await ada.post(address(channel, action="post"), too_large)).refused(413)
    nul = await post_message(ada, channel, "a\0b", data={"k\0": "v\0"})
    assert (await ada.get(address(channel, nul))).ok()["content"] == "ab"
