"""Private chats: pages of a channel's members exchange packets that the server passes on and cannot read."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio

from channel_client import CHANNELS, create_channel, create_group, enable_channels
from conftest import Person, Server
from fastback.realtime.private_chats.relay import PrivateChatRelay
from moving_clock import MovingClock
from page_client import close_socket

KEY = base64.b64encode(b"k" * 32).decode()
PACKET = base64.b64encode(b"sealed").decode()
UNAVAILABLE = {"ok": False, "error": "Private chat is unavailable or the session changed."}


@pytest.fixture(autouse=True)
async def channels(ada: Person) -> None:
    await enable_channels(ada, channels__encryption__enable=True)
    await permit(ada, encrypted_channels=True)


async def permit(ada: Person, **features: bool) -> None:
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"] |= features
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()


class PrivatePage:
    """A page that takes part in a private chat."""

    def __init__(self, person: Person, socket: Any, channel: Any) -> None:
        self.person = person
        self.socket = socket
        self.channel_id = channel["id"]
        self.events: list[Any] = []
        self.available: list[Any] = []
        self.session = ""
        self.id = ""
        self._arrived = asyncio.Event()
        socket.on("encryption:event", self._record)
        socket.on("encryption:available", self.available.append)

    def _record(self, event: Any) -> None:
        self.events.append(event)
        self._arrived.set()

    async def call(self, action: str, **fields: Any) -> Any:
        data = {"channel": self.channel_id, "session": self.session, "participation": self.id, **fields}
        return await self.socket.call(f"encryption:{action}", data, timeout=5)

    async def start(self) -> None:
        """Begin a private chat that others may join."""
        self._enter(await self.call("start"))
        assert (await self.call("bind", key=KEY))["ok"]

    async def join(self) -> None:
        """Join the private chat, and ask its host to be let in."""
        self.session = (await self.call("status"))["session"]
        self._enter(await self.call("join"))
        assert (await self.call("bind", key=KEY, packet=PACKET))["ok"]

    def _enter(self, reply: Any) -> None:
        assert reply["ok"], reply
        self.session, self.id = reply["session"], reply["participation"]

    async def admit(self, other: PrivatePage) -> None:
        """Let another page in."""
        reply = await self.call("packet", kind="admit", target=other.id, packet=PACKET, welcome=PACKET)
        assert reply["ok"], reply

    async def wait_for(self, kind: str) -> Any:
        """Wait for an event, and return it; earlier ones of other kinds are dropped."""

        async def wait() -> Any:
            while True:
                while self.events:
                    event = self.events.pop(0)
                    if event["kind"] == kind:
                        return event
                self._arrived.clear()
                await self._arrived.wait()

        return await asyncio.wait_for(wait(), 5)


@asynccontextmanager
async def open_private_page(person: Person, channel: Any, transport: str = "websocket") -> AsyncIterator[PrivatePage]:
    socket = socketio.AsyncClient(reconnection=False, websocket_extra_options={"max_msg_size": 0})
    page = PrivatePage(person, socket, channel)
    auth = {"token": person.token}
    await socket.connect(person.url, socketio_path="/ws/socket.io", wait_timeout=10, transports=[transport], auth=auth)
    await socket.call("user-join", {"auth": auth})
    try:
        yield page
    finally:
        await close_socket(socket)


@pytest.fixture
async def channel(bob: Person, cy: Person) -> Any:
    """Return a direct channel of two users."""
    return (await bob.get(f"{CHANNELS}/users/{cy.id}")).ok()


async def test_two_members_exchange_packets(channel: Any, bob: Person, cy: Person) -> None:
    async with open_private_page(bob, channel) as host, open_private_page(cy, channel) as guest:
        assert await guest.call("status") == {"ok": True, "available": False, "session": None}
        await host.start()
        await asyncio.sleep(0.1)
        assert guest.available == [{"channel": channel["id"], "session": host.session}]
        await guest.join()
        candidate = await host.wait_for("candidate")
        assert (candidate["sender"], candidate["packet"], candidate["sequence"]) == (guest.id, PACKET, 1)
        assert candidate["host"] == host.id
        assert {entry["name"] for entry in candidate["participants"]} == {"Bob", "Cy"}
        identity = {"channel": channel["id"], "session": host.session, "user": cy.id, "participation": guest.id}
        assert {"identity": identity, "key": KEY} in candidate["bindings"]
        # Until the host lets it in, a guest neither sends nor receives.
        assert await guest.call("packet", kind="mls", packet=PACKET) == UNAVAILABLE
        await host.admit(guest)
        assert (await guest.wait_for("welcome"))["packet"] == PACKET
        sealed = base64.b64encode(bytes(range(256)) * 3000).decode()
        assert (await guest.call("packet", kind="mls", packet=sealed))["ok"]
        event = await host.wait_for("mls")
        assert (event["sender"], event["packet"], event["sequence"]) == (guest.id, sealed, 2)
        assert (await guest.call("leave"))["ok"]
        departed = await host.wait_for("departed")
        assert (departed["participation"], departed["admitted"]) == (guest.id, True)
        assert (await guest.wait_for("ended"))["session"] == host.session
        assert (await guest.call("ping")) == UNAVAILABLE


async def test_a_session_ends_with_its_host(channel: Any, bob: Person, cy: Person) -> None:
    async with open_private_page(cy, channel) as guest:
        async with open_private_page(bob, channel) as host:
            await host.start()
            await guest.join()
            await host.admit(guest)
        assert (await guest.wait_for("ended"))["channel"] == channel["id"]
        await asyncio.sleep(0.1)
        assert guest.available[-1] == {"channel": channel["id"], "session": None}
        guest.session = guest.id = ""
        await guest.start()


async def test_changes_of_the_channel_end_the_session(ada: Person, bob: Person, cy: Person) -> None:
    group = await create_group(bob, cy, is_private=True)
    path = f"{CHANNELS}/{group['id']}"
    for change in (
        lambda: bob.post(f"{path}/update", {"name": "x", "is_private": True}),
        lambda: bob.post(f"{path}/update/members/remove", {"user_ids": [ada.id]}),
        lambda: cy.post(f"{path}/members/active", {"is_active": True}),
        lambda: bob.delete(f"{path}/delete"),
    ):
        async with open_private_page(bob, group) as host:
            await host.start()
            (await change()).ok()
            await host.wait_for("ended")


async def test_members_of_private_channels_alone_take_part(ada: Person, bob: Person, cy: Person, channel: Any) -> None:
    standard, public = await create_channel(ada), await create_group(ada, bob)
    for person, place in ((ada, channel), (ada, standard), (bob, public), (bob, {"id": "nothing"})):
        async with open_private_page(person, place) as page:
            for action in ("start", "status"):
                assert await page.call(action) == UNAVAILABLE
    await permit(ada, encrypted_channels=False)
    async with open_private_page(bob, channel) as page:
        assert await page.call("start") == UNAVAILABLE
    await permit(ada, encrypted_channels=True)
    await enable_channels(ada, channels__encryption__enable=False)
    async with open_private_page(bob, channel) as page:
        assert await page.call("start") == UNAVAILABLE


@pytest.mark.parametrize("database", ["sqlite"])
async def test_private_chats_need_a_websocket(channel: Any, bob: Person) -> None:
    async with open_private_page(bob, channel, "polling") as page:
        assert await page.call("start") == UNAVAILABLE


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(
    "environment",
    [{"ENV": "prod"}, {"WEBSOCKET_SERVER_LOGGING": "true"}, {"WEBSOCKET_SERVER_ENGINEIO_LOGGING": "true"}],
)
async def test_private_chats_need_protection_on_the_way(channel: Any, bob: Person) -> None:
    """In production without HTTPS, and where sockets are logged, nothing is private."""
    async with open_private_page(bob, channel) as page:
        assert await page.call("start") == UNAVAILABLE


@pytest.mark.parametrize("database", ["sqlite"])
async def test_odd_messages_are_refused(channel: Any, bob: Person, cy: Person) -> None:
    large = base64.b64encode(b"x" * (1024 * 1024 + 1)).decode()
    async with open_private_page(bob, channel) as host, open_private_page(cy, channel) as guest:
        for data in (None, [], "x", {}, {"channel": 5}, {"channel": ""}, {"channel": "x" * 1000}, {"channel": None}):
            assert await host.socket.call("encryption:start", data, timeout=5) == UNAVAILABLE
        await host.start()
        assert await host.call("start") == UNAVAILABLE
        assert await host.call("bind", key=KEY) == UNAVAILABLE
        for fields in (
            {"kind": "mls"},
            {"kind": "mls", "packet": 5},
            {"kind": "mls", "packet": ""},
            {"kind": "mls", "packet": "not base64!"},
            {"kind": "mls", "packet": "a\nb="},
            {"kind": "mls", "packet": large},
            {"kind": "plain", "packet": PACKET},
            {"kind": ["mls"], "packet": PACKET},
            {"kind": "admit", "packet": PACKET, "target": "nobody", "welcome": PACKET},
            {"kind": "admit", "packet": PACKET, "target": {}, "welcome": PACKET},
            {"kind": "mls", "packet": PACKET, "participation": [1]},
            {"kind": "mls", "packet": PACKET, "session": "other"},
        ):
            assert await host.call("packet", **fields) == UNAVAILABLE
        guest.session = host.session
        assert await guest.call("packet", kind="mls", packet=PACKET, participation=host.id) == UNAVAILABLE
        guest._enter(await guest.call("join"))
        for key in (None, "", 5, base64.b64encode(b"k" * 31).decode(), PACKET):
            assert await guest.call("bind", key=key, packet=PACKET) == UNAVAILABLE
        assert await guest.call("bind", key=KEY) == UNAVAILABLE
        assert (await guest.call("bind", key=KEY, packet=PACKET))["ok"]
        assert await guest.call("join") == UNAVAILABLE
        # Everything goes on.
        await host.admit(guest)
        await guest.wait_for("welcome")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_user_joins_once_and_not_too_often(channel: Any, bob: Person, cy: Person) -> None:
    async with open_private_page(bob, channel) as host, open_private_page(cy, channel) as first:
        await host.start()
        await first.join()
        async with open_private_page(cy, channel) as second:
            second.session = host.session
            assert await second.call("join") == UNAVAILABLE
        replies = [await host.call("start") for _ in range(12)]
        assert replies == [UNAVAILABLE] * 12
        assert (await host.call("ping"))["ok"]
        replies = [await host.call("ping") for _ in range(250)]
        assert UNAVAILABLE in replies


@pytest.mark.parametrize("database", ["sqlite"])
async def test_silent_pages_are_removed(
    server: Server, channel: Any, bob: Person, cy: Person, clock: MovingClock
) -> None:
    relay = server.services.get(PrivateChatRelay)
    async with open_private_page(bob, channel) as host, open_private_page(cy, channel) as guest:
        await host.start()
        await guest.join()
        await host.admit(guest)
        clock.advance(40)
        assert (await host.call("ping"))["ok"]
        clock.advance(10)
        await relay.sweep()
        assert (await host.wait_for("departed"))["participation"] == guest.id
        clock.advance(60)
        await relay.sweep()
        await host.wait_for("ended")


@pytest.mark.parametrize("database", ["sqlite"])
async def test_packets_reach_no_log(channel: Any, bob: Person, caplog: pytest.LogCaptureFixture) -> None:
    secret = base64.b64encode(b"nobody may read this").decode()
    with caplog.at_level("DEBUG"):
        async with open_private_page(bob, channel) as host:
            await host.start()
            assert (await host.call("packet", kind="mls", packet=secret))["ok"]
    assert not [
        record for record in caplog.records if record.name.startswith("fastback") and secret in record.getMessage()
    ]
