"""The Socket.IO server: sign-in over both transports, and the messages that a page may send."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import socketio

from conftest import Person, Server
from fastback.access.identity import IdentityResolver
from fastback.access.tokens import TokenSigner
from fastback.kit.db import Database
from fastback.realtime.server import SocketServer
from page_client import Page, close_socket, open_page
from waiting import wait_until

EACH_TRANSPORT = pytest.mark.parametrize("transport", ["websocket", "polling"])


@asynccontextmanager
async def connect_socket(url: str, token: Any, transport: str = "websocket") -> AsyncIterator[Any]:
    """Open a bare socket with a token; it has sent no message yet."""
    socket = socketio.AsyncClient(reconnection=False)
    await socket.connect(
        url, socketio_path="/ws/socket.io", wait_timeout=10, transports=[transport], auth={"token": token}
    )
    try:
        yield socket
    finally:
        await close_socket(socket)


async def wait_until_disconnected(socket: Any) -> None:
    """Wait until the server has disconnected a socket."""
    for _ in range(200):
        if not socket.connected:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the socket is still connected")


async def join_user(socket: Any, token: Any) -> Any:
    return await socket.call("user-join", {"auth": {"token": token}}, timeout=5)


def make_expired_token(server: Server, person: Person) -> str:
    """Return a session token of this person that expired a minute ago."""
    tokens = server.services.get(TokenSigner)
    claims = tokens.read(str(person.token))
    assert claims is not None
    return tokens.create({key: claims[key] for key in claims if key not in ("exp", "jti", "iat")}, lifetime=-60)


# -- sign-in ------------------------------------------------------------------------------------------------------


@EACH_TRANSPORT
async def test_a_user_joins(ada: Person, transport: str) -> None:
    async with connect_socket(ada.url, ada.token, transport) as socket:
        assert await join_user(socket, ada.token) == {"id": ada.id, "name": "Ada"}
        await socket.emit("heartbeat", {})
        await asyncio.sleep(0.1)
        assert socket.connected


@pytest.mark.parametrize("database", ["sqlite"])
@EACH_TRANSPORT
@pytest.mark.parametrize("kind", ["forged", "expired", "missing", "no text", "pending"])
async def test_a_socket_without_a_valid_token_receives_nothing(
    server: Server, ada: Person, transport: str, kind: str
) -> None:
    pending = await server.add_user(ada, "Pending", "pending")
    token: Any = {
        "forged": "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "expired": make_expired_token(server, ada),
        "missing": None,
        "no text": 5,
        "pending": pending.token,
    }[kind]
    async with connect_socket(server.url, token, transport) as socket:
        received: list[Any] = []
        socket.on("events", received.append)
        assert await join_user(socket, token) is None
        async with open_page(ada) as page:
            await page.ask("Secret [[tokens 1]]")
        assert received == []
        # A socket that never signed in is disconnected at its first heartbeat.
        await socket.emit("heartbeat", {})
        await wait_until_disconnected(socket)


async def test_a_socket_may_sign_in_later(ada: Person) -> None:
    async with connect_socket(ada.url, "forged") as socket:
        assert await join_user(socket, "forged") is None
        assert await join_user(socket, ada.token) == {"id": ada.id, "name": "Ada"}
        await socket.emit("heartbeat", {})
        await asyncio.sleep(0.1)
        assert socket.connected


async def test_signing_out_ends_the_socket(ada: Person) -> None:
    async with connect_socket(ada.url, ada.token) as socket:
        await join_user(socket, ada.token)
        (await ada.post("/api/v1/auths/signout")).ok()
        await wait_until_disconnected(socket)


async def test_a_user_who_is_deleted_is_disconnected(server: Server, ada: Person, bob: Person) -> None:
    async with connect_socket(server.url, bob.token) as socket:
        await join_user(socket, bob.token)
        (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
        await wait_until_disconnected(socket)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("message", [None, [], "text", {"auth": None}, {"auth": []}, {}])
async def test_invalid_sign_in_messages_are_ignored(ada: Person, message: Any) -> None:
    async with connect_socket(ada.url, None) as socket:
        assert await socket.call("user-join", message, timeout=5) is None


class TestPollingAlone:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"ENABLE_WEBSOCKET_SUPPORT": "false"}

    async def test_websockets_can_be_disabled(self, ada: Person) -> None:
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with connect_socket(ada.url, ada.token):
                pass
        async with open_page(ada, "polling") as page:
            await page.ask("Hi [[tokens 3]]")
            assert page.list_data("chat:completion")[-1]["done"] is True


async def test_invalid_packets_are_refused(ada: Person) -> None:
    async with aiohttp.ClientSession() as session:
        path = f"{ada.url}/ws/socket.io/?EIO=4&transport=polling"
        assert (await session.get(f"{path}&sid=nobody")).status == 400
        assert (await session.post(f"{path}&sid=nobody", data=b"x")).status == 400
        assert (await session.get(f"{ada.url}/ws/socket.io/?EIO=3&transport=polling")).status == 400
    async with open_page(ada) as page:
        await page.ask("Still there? [[tokens 1]]")


@pytest.mark.parametrize("event", ["user-join", "events:chat"])
async def test_a_socket_that_is_gone_when_its_event_has_waited_leaves_nothing(
    server: Server, ada: Person, event: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chat_id = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Ours"}})).ok()["id"]
    sockets, identities = server.services.get(SocketServer), server.services.get(IdentityResolver)
    has_begun, may_go_on = asyncio.Event(), asyncio.Event()
    find = identities.find

    async def find_slowly(*arguments: Any) -> Any:
        identity = await find(*arguments)
        has_begun.set()
        await may_go_on.wait()
        return identity

    async with connect_socket(server.url, ada.token) as socket:
        await join_user(socket, ada.token)
        monkeypatch.setattr(identities, "find", find_slowly)
        data = {"auth": {"token": ada.token}, "chat_id": chat_id, "data": {"type": "join"}}
        await socket.emit(event, data)
        await asyncio.wait_for(has_begun.wait(), 5)
    await wait_until(lambda: not sockets.io.eio.sockets)
    monkeypatch.undo()
    may_go_on.set()
    await asyncio.sleep(0.2)
    assert len(sockets.sessions) == 0
    assert not sockets.io.manager.rooms.get("/")
    gc.collect()  # a task that has failed is logged when it is forgotten
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


# -- heartbeat and usage ------------------------------------------------------------------------------------------


async def test_a_heartbeat_updates_the_last_activity(server: Server, ada: Person, bob: Person) -> None:
    db, identities = server.services.get(Database), server.services.get(IdentityResolver)

    async def save_and_read_last_activity() -> int:
        identities._written.clear()  # recently saved times would not be saved again
        await identities.save_last_seen()
        last_activity = await db.fetch_value("test.seen", 'SELECT last_active_at FROM "user" WHERE id = :id', id=bob.id)
        return int(last_activity)

    async with connect_socket(server.url, bob.token) as socket:
        await join_user(socket, bob.token)
        await identities.save_last_seen()
        await db.execute("test.forget", 'UPDATE "user" SET last_active_at = 5 WHERE id = :id', id=bob.id)
        assert await save_and_read_last_activity() == 5
        await socket.emit("heartbeat", {})
        for _ in range(100):
            if await save_and_read_last_activity() > 5:
                return
            await asyncio.sleep(0.02)
    pytest.fail("the heartbeat was not recorded")


async def test_models_in_use_are_listed_while_their_page_is_open(server: Server, ada: Person) -> None:
    async def list_used_models() -> list[str]:
        return list((await ada.get("/api/usage")).ok()["model_ids"])

    async with connect_socket(server.url, ada.token) as socket, connect_socket(server.url, "forged") as stranger:
        await join_user(socket, ada.token)
        await socket.emit("usage", {"model": "demo-small", "chat_id": "x"})
        await socket.emit("usage", {"model": 5})
        await socket.emit("usage", None)
        await stranger.emit("usage", {"model": "demo-large"})
        await wait_until_disconnected(stranger)
        for _ in range(100):
            if await list_used_models():
                break
            await asyncio.sleep(0.02)
        assert await list_used_models() == ["demo-small"]
        await asyncio.sleep(3.2)
        assert await list_used_models() == []
        await socket.emit("usage", {"model": "demo-small"})
    for _ in range(100):
        if not await list_used_models():
            return
        await asyncio.sleep(0.02)
    pytest.fail("the model is in use though the page is closed")


# -- chats --------------------------------------------------------------------------------------------------------


async def create_chat(person: Person) -> str:
    return str((await person.post("/api/v1/chats/new", {"chat": {"title": "T"}})).ok()["id"])


async def send_chat_event(page: Page, chat_id: Any, **event: Any) -> Any:
    return await page.socket.call("events:chat", {"chat_id": chat_id, "data": event}, timeout=5)


async def test_users_with_an_open_chat_are_shown(ada: Person) -> None:
    chat_id = await create_chat(ada)
    async with open_page(ada) as page:
        assert await send_chat_event(page, chat_id, type="join") is True
        await page.wait_for("chat:presence", lambda data: data["users"] == [{"id": ada.id, "name": "Ada"}])
        async with open_page(ada, "polling") as other:
            assert await send_chat_event(other, chat_id, type="join") is True
            page.events.clear()
            assert await send_chat_event(other, chat_id, type="typing", data={"typing": True}) is True
            await page.wait_for("typing", lambda data: data == {"typing": True})
            assert other.list_data("typing") == []
            (message,) = [event for event in page.events if event["data"]["type"] == "typing"]
            assert (
                message["user"] == {"id": ada.id, "name": "Ada"} and message["chat_id"] == chat_id and message["shared"]
            )
            assert await send_chat_event(other, chat_id, type="typing", data={"typing": "yes"}) is False
            assert await send_chat_event(other, chat_id, type="leave") is True
            assert await send_chat_event(other, chat_id, type="typing", data={"typing": True}) is False
        page.events.clear()
        assert await send_chat_event(page, chat_id, type="leave") is True
        assert await send_chat_event(page, chat_id, type="typing", data={"typing": True}) is False


async def test_a_user_cannot_join_a_chat_of_another_user(ada: Person, bob: Person) -> None:
    chat_id = await create_chat(ada)
    async with open_page(ada) as page, open_page(bob) as other:
        assert await send_chat_event(page, chat_id, type="join") is True
        assert await send_chat_event(other, chat_id, type="join") is False
        assert await send_chat_event(other, "nothing", type="join") is False
        assert await send_chat_event(other, chat_id, type="typing", data={"typing": True}) is False
        assert await send_chat_event(other, "temporary:x", type="join") is False
        assert await send_chat_event(other, 5, type="join") is False
        assert await send_chat_event(other, chat_id, type="dance") is None
        assert page.list_data("typing") == []


async def test_a_user_who_loses_access_to_a_chat_receives_no_more_of_it(ada: Person, bob: Person, cy: Person) -> None:
    chat_id = await create_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat_id}/share", {"share_mode": "continue"})).ok()
    access = f"/api/v1/chats/shared/{chat_id}/access/update"
    readers = [{"principal_type": "user", "principal_id": reader.id, "permission": "read"} for reader in (bob, cy)]
    (await ada.post(access, {"access_grants": readers})).ok()
    async with open_page(ada) as page, open_page(bob) as removed_page, open_page(cy) as remaining_page:
        for open_page_ in (page, removed_page, remaining_page):
            assert await send_chat_event(open_page_, chat_id, type="join") is True
        await page.wait_for("chat:presence", lambda data: len(data["users"]) == 3)
        page.events.clear()
        (await ada.post(access, {"access_grants": readers[1:]})).ok()
        for open_page_ in (page, removed_page, remaining_page):
            await open_page_.wait_for("chat:access")
        await page.wait_for("chat:presence", lambda data: {user["id"] for user in data["users"]} == {ada.id, cy.id})
        removed_page.events.clear()
        assert await send_chat_event(page, chat_id, type="typing", data={"typing": True}) is True
        await remaining_page.wait_for("typing")
        assert removed_page.events == []
        # After the share is deleted only the owner remains.
        page.events.clear()
        (await ada.delete(f"/api/v1/chats/{chat_id}/share")).ok()
        await page.wait_for("chat:presence", lambda data: [user["id"] for user in data["users"]] == [ada.id])


async def test_a_chat_moved_out_of_a_shared_folder_is_closed_to_its_readers(ada: Person, bob: Person) -> None:
    folder = str((await ada.post("/api/v1/folders/", {"name": "Ours"})).ok()["id"])
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    (await ada.post(f"/api/v1/folders/{folder}/access/update", {"access_grants": grants})).ok()
    moved_id, remaining_id = await create_chat(ada), await create_chat(ada)
    for chat_id in (moved_id, remaining_id):
        (await ada.post(f"/api/v1/chats/{chat_id}/folder", {"folder_id": folder})).ok()
    async with open_page(ada) as page, open_page(bob) as other:
        for chat_id in (moved_id, remaining_id):
            assert await send_chat_event(page, chat_id, type="join") is True
            assert await send_chat_event(other, chat_id, type="join") is True
        page.events.clear()
        (await ada.post(f"/api/v1/chats/{moved_id}/folder", {"folder_id": None})).ok()
        await page.wait_for("chat:presence", lambda data: [user["id"] for user in data["users"]] == [ada.id])
        assert {event["chat_id"] for event in page.events if event["data"]["type"] == "chat:presence"} == {moved_id}
        await page.wait_for("chat:access")
        await other.wait_for("chat:access")
        page.events.clear()
        other.events.clear()
        (await ada.post(f"/api/v1/folders/{folder}/access/update", {"access_grants": []})).ok()
        await page.wait_for("chat:presence", lambda data: [user["id"] for user in data["users"]] == [ada.id])
        await other.wait_for("chat:access")
        assert [event["chat_id"] for event in other.events if event["data"]["type"] == "chat:access"] == [remaining_id]
        # The owner's access has not changed.
        assert page.list_data("chat:access") == []


async def test_a_disconnected_socket_leaves_its_chats(ada: Person, cy: Person) -> None:
    chat_id = await create_chat(ada)
    async with open_page(ada) as page:
        assert await send_chat_event(page, chat_id, type="join") is True
        async with open_page(ada) as other:
            assert await send_chat_event(other, chat_id, type="join") is True
            await page.wait_for("chat:presence")
            page.events.clear()
        await page.wait_for("chat:presence", lambda data: [user["id"] for user in data["users"]] == [ada.id])


async def test_reading_a_chat_is_sent_to_every_tab(ada: Person) -> None:
    async with open_page(ada) as page, open_page(ada) as other:
        turn = await page.ask("Hi [[tokens 1]]")
        await other.wait_until_idle()
        other.events.clear()
        await page.socket.emit("events:chat", {"chat_id": turn["chat_id"], "data": {"type": "last_read_at"}})
        data = await other.wait_for("chat:list", lambda data: "last_read_at" in data)
        assert data["chat_id"] == turn["chat_id"] and data["last_read_at"] > 1_600_000_000


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("message", [None, [], "text", {}, {"data": None}, {"chat_id": "x", "data": "join"}])
async def test_invalid_chat_events_are_ignored(ada: Person, message: Any) -> None:
    async with open_page(ada) as page:
        assert await page.socket.call("events:chat", message, timeout=5) in (None, False)
        assert page.socket.connected


async def test_an_unauthenticated_chat_event_disconnects_the_socket(ada: Person) -> None:
    chat_id = await create_chat(ada)
    async with connect_socket(ada.url, "forged") as socket:
        await socket.emit("events:chat", {"chat_id": chat_id, "data": {"type": "join"}})
        await wait_until_disconnected(socket)
