"""Members who are away are notified of messages in their channels, at the targets that they have chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from channel_client import (
    CHANNELS,
    READ,
    create_channel,
    create_group,
    enable_channels,
    open_channel_page,
    post_message,
)
from conftest import Person


@pytest.fixture
def environment() -> dict[str, str]:
    return {"ENABLE_LOCAL_WEB_FETCH": "true"}


class Receiver:
    """A server that notification targets call; each path belongs to a user."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[tuple[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.messages.append((request.path.strip("/"), await request.json()))
        return web.Response()

    async def wait(self) -> list[tuple[str, Any]]:
        """Return what has come, once nothing comes any more."""
        count = -1
        while count != len(self.messages):
            count = len(self.messages)
            await asyncio.sleep(0.4)
        messages, self.messages = self.messages, []
        return sorted(messages, key=lambda message: message[0])

    async def list_notified(self) -> list[str]:
        return [name for name, _ in await self.wait()]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/{name}", receiver.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


@pytest.fixture(autouse=True)
async def channels(ada: Person) -> None:
    await enable_channels(ada, ui__enable_user_webhooks=True, webui__url="https://chat.example.com")
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["webhooks"] = True
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()


async def add_target(person: Person, receiver: Receiver, event: str = "channel.message") -> None:
    """Have a person notified of an event at the receiver, also while they are active."""
    name = person.account["name"].lower()
    form = {
        "id": name,
        "type": "webhook",
        "events": [event],
        "delivery": "always",
        "config": {"url": f"{receiver.url}/{name}"},
    }
    (await person.post("/api/v1/notifications/targets", form)).ok()


async def test_members_who_are_away_are_notified(ada: Person, bob: Person, cy: Person, receiver: Receiver) -> None:
    channel = await create_group(ada, bob, cy, name="birds")
    for person in (ada, bob):
        await add_target(person, receiver)
    await add_target(cy, receiver, "chat.finished")
    await post_message(ada, channel, "A heron!")
    ((name, body),) = await receiver.wait()
    assert name == "bob"
    url = f"https://chat.example.com/channels/{channel['id']}"
    assert body == {"action": "channel", "message": "A heron!", "title": "birds", "url": url}


async def test_members_who_are_connected_are_not_notified(
    ada: Person, bob: Person, cy: Person, receiver: Receiver
) -> None:
    channel = await create_group(ada, bob, cy)
    for person in (bob, cy):
        await add_target(person, receiver)
    async with open_channel_page(bob):
        async with open_channel_page(bob):
            pass
        await post_message(ada, channel, "x")
        assert await receiver.list_notified() == ["cy"]
    await post_message(ada, channel, "x")
    assert await receiver.list_notified() == ["bob", "cy"]


async def test_a_muted_channel_notifies_of_mentions_alone(ada: Person, bob: Person, receiver: Receiver) -> None:
    channel = await create_group(ada, bob)
    await add_target(bob, receiver)
    path = f"{CHANNELS}/{channel['id']}/members/mute"
    (await bob.post(path, {"is_channel_muted": True})).ok()
    await post_message(ada, channel, f"<@U:{ada.id}|Ada> <@M:{bob.id}> <@U:nobody>")
    assert await receiver.list_notified() == []
    await post_message(ada, channel, f"<@U:{bob.id}|Bob>, look!")
    assert await receiver.list_notified() == ["bob"]


async def test_members_who_lost_a_standard_channel_are_not_notified(
    ada: Person, bob: Person, cy: Person, receiver: Receiver
) -> None:
    channel = await create_channel(ada)
    for person in (bob, cy):
        await add_target(person, receiver)
        (await person.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
    await post_message(ada, channel, "x")
    assert await receiver.list_notified() == ["bob", "cy"]
    grants = [{**READ, "principal_id": cy.id}]
    (await ada.post(f"{CHANNELS}/{channel['id']}/access/update", {"access_grants": grants})).ok()
    await post_message(ada, channel, "x")
    assert await receiver.list_notified() == ["cy"]


async def test_event_webhooks_hear_of_each_absent_member(
    ada: Person, bob: Person, cy: Person, receiver: Receiver
) -> None:
    channel = await create_group(ada, bob, cy, name="birds")
    (await bob.post("/api/v1/users/user/settings/update", {"ui": {"a": 1}})).ok()
    hook = {"url": f"{receiver.url}/hook", "events": ["channel.message"]}
    (await ada.post("/api/events/webhooks", hook)).ok()
    message = await post_message(ada, channel, "x" * 400)
    ((_, body),) = await receiver.wait()
    assert (body["event"], body["actor"], body["message"]) == ("channel.message", None, "birds")
    assert body["subject"] == {"type": "channel", "id": channel["id"]}
    assert (body["data"]["user_id"], body["data"]["sender_id"]) == (bob.id, ada.id)
    assert (body["data"]["message_id"], body["data"]["content_preview"]) == (message["id"], "x" * 300)


@pytest.mark.parametrize("database", ["sqlite"])
async def test_texts_of_many_mentions_are_read_quickly(ada: Person, bob: Person, receiver: Receiver) -> None:
    channel = await create_group(ada, bob)
    await add_target(bob, receiver)
    for text in ("<@U:" * 25_000, "<@U:x|" * 16_000, f"<@U:{'x' * 99_000}>", "<@M:a>" * 16_000):
        started = asyncio.get_running_loop().time()
        await post_message(ada, channel, text)
        await receiver.wait()
        assert asyncio.get_running_loop().time() - started < 5
