"""Incoming webhooks of channels: who manages them, and how other programs post by their address."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from channel_client import CHANNELS, create_channel, create_group, enable_channels, open_channel_page, post_message
from conftest import Person, Server

PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
INVALID_URL = "The URL you provided is invalid. Please double-check and try again."


@pytest.fixture(autouse=True)
async def channels(ada: Person) -> None:
    await enable_channels(ada)


async def create_webhook(person: Person, channel: Any, name: str = "Build", picture: str | None = None) -> Any:
    form = {"name": name, "profile_image_url": picture}
    return (await person.post(f"{CHANNELS}/{channel['id']}/webhooks/create", form)).ok()


def get_address(webhook: Any) -> str:
    return f"{CHANNELS}/webhooks/{webhook['id']}/{webhook['token']}"


async def test_a_program_posts_by_the_address_of_a_webhook(ada: Person, bob: Person, anonymous: Person) -> None:
    channel = await create_group(bob, ada)
    webhook = await create_webhook(bob, channel)
    async with open_channel_page(ada) as page:
        posted = (await anonymous.post(get_address(webhook), {"content": "Built <@M:demo-small>"})).ok()
        event = await page.wait_for("message")
        author = {"id": webhook["id"], "name": "Build", "role": "webhook"}
        assert event["user"] == author
        assert event["data"]["data"]["user"] == author
        assert posted == {"success": True, "message_id": event["message_id"]}
    (message,) = (await ada.get(f"{CHANNELS}/{channel['id']}/messages")).ok()
    assert (message["user"], message["meta"]) == (author, {"webhook": {"id": webhook["id"]}})
    (listed,) = (await bob.get(f"{CHANNELS}/{channel['id']}/webhooks")).ok()
    assert listed["last_used_at"] > listed["created_at"]
    # Its name is the current one, wherever the message is shown.
    (await bob.post(f"{CHANNELS}/{channel['id']}/webhooks/{webhook['id']}/update", {"name": "Deploy"})).ok()
    path = f"{CHANNELS}/{channel['id']}/messages"
    (await bob.post(f"{path}/{message['id']}/pin", {"is_pinned": True})).ok()
    await post_message(ada, channel, "Thanks", reply_to_id=message["id"])
    assert (await ada.get(f"{path}/pinned")).ok()[0]["user"]["name"] == "Deploy"
    assert (await ada.get(f"{path}/{message['id']}")).ok()["user"]["name"] == "Deploy"
    assert (await ada.get(path)).ok()[0]["reply_to_message"]["user"]["name"] == "Deploy"
    (await bob.delete(f"{CHANNELS}/{channel['id']}/webhooks/{webhook['id']}/delete")).ok()
    assert (await ada.get(path)).ok()[1]["user"]["name"] == "Deleted Webhook"
    (await anonymous.post(get_address(webhook), {"content": "x"})).refused(401, INVALID_URL)


async def test_a_wrong_token_posts_nothing(ada: Person, anonymous: Person) -> None:
    channel = await create_channel(ada)
    webhook = await create_webhook(ada, channel)
    for path in (
        f"{CHANNELS}/webhooks/{webhook['id']}/wrong",
        f"{CHANNELS}/webhooks/{webhook['id']}/{webhook['token'][:-1]}",
        f"{CHANNELS}/webhooks/{webhook['id']}/%C3%A4",
        f"{CHANNELS}/webhooks/nothing/{webhook['token']}",
    ):
        (await anonymous.post(path, {"content": "x"})).refused(401, INVALID_URL)
    for form in ({}, {"content": 5}, {"content": "x" * 1_000_000}):
        (await anonymous.post(get_address(webhook), form)).refused(422)
    assert (await ada.get(f"{CHANNELS}/{channel['id']}/messages")).ok() == []
    await enable_channels(ada, channels__enable=False)
    (await anonymous.post(get_address(webhook), {"content": "x"})).refused(403, "Channels is disabled")


async def test_managers_alone_see_webhooks(ada: Person, bob: Person, cy: Person, anonymous: Person) -> None:
    channel = await create_group(bob, cy)
    webhook = await create_webhook(bob, channel)
    other = await create_group(bob, name="other")
    root = f"{CHANNELS}/{channel['id']}/webhooks"
    for method, path, form in (
        ("GET", root, None),
        ("POST", f"{root}/create", {"name": "x"}),
        ("POST", f"{root}/{webhook['id']}/update", {"name": "x"}),
        ("DELETE", f"{root}/{webhook['id']}/delete", None),
    ):
        (await cy.request(method, path, json=form)).refused(403, "401 Unauthorized")
        (await anonymous.request(method, path, json=form)).refused(401)
        (await bob.request(method, path.replace(channel["id"], "nothing"), json=form)).refused(404)
    for action in ("update", "delete"):
        method = "POST" if action == "update" else "DELETE"
        path = f"{CHANNELS}/{other['id']}/webhooks/{webhook['id']}/{action}"
        (await bob.request(method, path, json={"name": "x"})).refused(404)
    # Administrators need no membership for that.
    assert len((await ada.get(root)).ok()) == 1
    for form in ({}, {"name": 5}, {"name": "x", "profile_image_url": "javascript:x"}, {"name": "x" * 65_536}):
        (await bob.post(f"{root}/create", form)).refused(422)


async def test_members_see_the_picture_of_a_webhook(ada: Person, bob: Person, cy: Person) -> None:
    channel = await create_group(bob, ada)
    webhook = await create_webhook(bob, channel, picture=PICTURE)
    path = f"{CHANNELS}/webhooks/{webhook['id']}/profile/image"
    reply = await ada.get(path)
    assert (reply.status, reply.headers["content-type"], reply.body) == (200, "image/png", b"\x89PNG")
    (await cy.get(path)).refused(403)
    for odd in ("nothing", (await create_webhook(bob, channel))["id"]):
        assert (await bob.get(f"{CHANNELS}/webhooks/{odd}/profile/image")).status in (200, 302)


async def test_a_webhook_that_floods_a_channel_is_refused(ada: Person, anonymous: Person) -> None:
    channel = await create_channel(ada)
    webhook = await create_webhook(ada, channel)
    statuses = [(await anonymous.post(get_address(webhook), {"content": "x"})).status for _ in range(205)]
    assert statuses.count(200) in range(100, 201)  # of one period or of two
    assert statuses[-1] == 429


class Receiver:
    """A server that event webhooks call."""

    def __init__(self) -> None:
        self.requests: list[tuple[Any, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.json()))
        return web.Response()


@pytest.fixture
def environment() -> dict[str, str]:
    return {"ENABLE_LOCAL_WEB_FETCH": "true"}


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/", receiver.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield receiver, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.mark.parametrize("database", ["sqlite"])
async def test_an_event_webhook_into_a_channel_does_not_call_itself(
    server: Server, ada: Person, anonymous: Person, receiver: tuple[Receiver, str]
) -> None:
    channel = await create_channel(ada)
    webhook = await create_webhook(ada, channel)
    events = {"events": ["message.created"]}
    calls, url = receiver
    (await ada.post("/api/events/webhooks", {"url": url, **events})).ok()
    # This server takes the address for one of Discord, whose messages have a `content`.
    loop = f"{server.url}{get_address(webhook)}?https://discord.com/api/webhooks"
    (await ada.post("/api/events/webhooks", {"url": loop, **events})).ok()
    await post_message(ada, channel, "Ping")
    (await anonymous.post(get_address(webhook), {"content": "Pong"})).ok()
    await asyncio.sleep(1)
    contents = [message["content"] for message in (await ada.get(f"{CHANNELS}/{channel['id']}/messages")).ok()]
    assert len(contents) == 4  # each message, and what the event webhook says of it
    bodies = [body for _, body in calls.requests]
    assert [(body["source"], body["actor"]["type"]) for body in bodies] == [
        ("api", "user"),
        ("channel_webhook", "webhook"),
    ]
    assert bodies[1]["actor"] == {"id": webhook["id"], "name": "Build", "role": "webhook", "type": "webhook"}
    assert bodies[1]["data"] == {"channel_id": channel["id"], "content_preview": "Pong"}
