"""What tests of channels share: switching them on, creating them, and pages that receive what happens in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import socketio

from conftest import Person
from page_client import close_socket

CHANNELS = "/api/v1/channels"
READ = {"principal_type": "user", "principal_id": "*", "permission": "read"}
WRITE = {**READ, "permission": "write"}
WRONG = "Something went wrong :/"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


async def enable_channels(admin: Person, **more: Any) -> None:
    """Switch channels on, with other keys of the configuration."""
    config = {"channels.enable": True, **{name.replace("__", "."): value for name, value in more.items()}}
    (await admin.post("/api/v1/configs/import", {"config": config})).ok()


async def create_channel(person: Person, name: str = "general", **form: Any) -> Any:
    """Create a channel that every user may read and write, unless `form` says otherwise."""
    return (await person.post(f"{CHANNELS}/create", {"name": name, "access_grants": [READ, WRITE], **form})).ok()


async def create_group(person: Person, *members: Person, **form: Any) -> Any:
    """Create a group channel with these members."""
    user_ids = [member.id for member in members]
    return await create_channel(person, type="group", user_ids=user_ids, access_grants=[], **form)


async def post_message(person: Person, channel: Any, content: str, **form: Any) -> Any:
    """Post a message, and return it."""
    path = f"{CHANNELS}/{channel['id']}/messages/post"
    return (await person.post(path, {"content": content, **form})).ok()


class ChannelPage:
    """A page of a user that is signed in over a socket."""

    def __init__(self, person: Person, socket: Any) -> None:
        self.person = person
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()

    def record_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._arrived.set()

    def list_events(self, kind: str) -> list[dict[str, Any]]:
        """Return the received events of a kind."""
        return [event for event in self.events if event["data"]["type"] == kind]

    async def wait_for(self, kind: str, check: Callable[[Any], bool] | None = None, timeout: float = 10) -> Any:
        """Wait for an event of a kind that `check` accepts, and return it."""

        async def wait() -> Any:
            while True:
                for event in self.list_events(kind):
                    if check is None or check(event):
                        return event
                self._arrived.clear()
                await self._arrived.wait()

        return await asyncio.wait_for(wait(), timeout)

    async def send(self, channel: Any, kind: str, data: Any = None, message_id: str | None = None) -> None:
        """Say something of a channel, as a page does."""
        content = {"type": kind} if data is None else {"type": kind, "data": data}
        await self.socket.emit(
            "events:channel", {"channel_id": channel["id"], "message_id": message_id, "data": content}
        )

    async def settle(self) -> None:
        """Wait until the server has handled what this page has sent."""
        await self.socket.call("user-join", {"auth": {"token": self.person.token}})


@asynccontextmanager
async def open_channel_page(person: Person) -> AsyncIterator[ChannelPage]:
    """Open a page of a person, which joins the rooms of the person's channels."""
    socket = socketio.AsyncClient(reconnection=False, websocket_extra_options={"max_msg_size": 0})
    page = ChannelPage(person, socket)
    socket.on("events:channel", page.record_event)
    auth = {"token": person.token}
    await socket.connect(
        person.url, socketio_path="/ws/socket.io", wait_timeout=10, transports=["websocket"], auth=auth
    )
    await socket.call("user-join", {"auth": auth})
    try:
        yield page
    finally:
        await close_socket(socket)
