"""The Socket.IO server: who is let in, over both transports, and what a page may say."""

from __future__ import annotations

import asyncio
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
from page_client import Page, close_socket, open_page

BOTH = pytest.mark.parametrize("transport", ["websocket", "polling"])


@asynccontextmanager
async def connected(url: str, token: Any, transport: str = "websocket") -> AsyncIterator[Any]:
    """A bare socket that connected with a token, and has said nothing yet."""
    socket = socketio.AsyncClient(reconnection=False)
    await socket.connect(url, socketio_path="/ws/socket.io", transports=[transport], auth={"token": token})
    try:
        yield socket
    finally:
        await close_socket(socket)


async def until_gone(socket: Any) -> None:
    """Wait until the server has disconnected a socket."""
    for _ in range(200):
        if not socket.connected:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the socket is still connected")


async def joined(socket: Any, token: Any) -> Any:
    return await socket.call("user-join", {"auth": {"token": token}}, timeout=5)


def expired(server: Server, person: Person) -> str:
    """A session token of somebody that was good until a minute ago."""
    tokens = server.services.get(TokenSigner)
    claims = tokens.read(str(person.token))
    assert claims is not None
    return tokens.create({key: claims[key] for key in claims if key not in ("exp", "jti", "iat")}, lifetime=-60)


# -- who is let in ------------------------------------------------------------------------------------------------


@BOTH
async def test_a_user_joins(ada: Person, transport: str) -> None:
    async with connected(ada.url, ada.token, transport) as socket:
        assert await joined(socket, ada.token) == {"id": ada.id, "name": "Ada"}
        await socket.emit("heartbeat", {})
        await asyncio.sleep(0.1)
        assert socket.connected


@pytest.mark.parametrize("database", ["sqlite"])
@BOTH
@pytest.mark.parametrize("kind", ["forged", "expired", "missing", "no text", "pending"])
async def test_others_stay_strangers(server: Server, ada: Person, transport: str, kind: str) -> None:
    pending = await server.add_user(ada, "Pending", "pending")
    token: Any = {
        "forged": "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "expired": expired(server, ada),
        "missing": None,
        "no text": 5,
        "pending": pending.token,
    }[kind]
    async with connected(server.url, token, transport) as socket:
        heard: list[Any] = []
        socket.on("events", heard.append)
        assert await joined(socket, token) is None
        async with open_page(ada) as page:
            await page.ask("Secret [[tokens 1]]")
        assert heard == []
        # Whoever never signed in is sent away with the first heartbeat.
        await socket.emit("heartbeat", {})
        await until_gone(socket)


async def test_a_socket_may_sign_in_later(ada: Person) -> None:
    async with connected(ada.url, "forged") as socket:
        assert await joined(socket, "forged") is None
        assert await joined(socket, ada.token) == {"id": ada.id, "name": "Ada"}
        await socket.emit("heartbeat", {})
        await asyncio.sleep(0.1)
        assert socket.connected


async def test_signing_out_ends_the_socket(ada: Person) -> None:
    async with connected(ada.url, ada.token) as socket:
        await joined(socket, ada.token)
        (await ada.post("/api/v1/auths/signout")).ok()
        await until_gone(socket)


async def test_a_user_who_is_deleted_is_disconnected(server: Server, ada: Person, bob: Person) -> None:
    async with connected(server.url, bob.token) as socket:
        await joined(socket, bob.token)
        (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
        await until_gone(socket)


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("said", [None, [], "text", {"auth": None}, {"auth": []}, {}])
async def test_nonsense_is_no_sign_in(ada: Person, said: Any) -> None:
    async with connected(ada.url, None) as socket:
        assert await socket.call("user-join", said, timeout=5) is None


class TestPollingAlone:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"ENABLE_WEBSOCKET_SUPPORT": "false"}

    async def test_sockets_can_be_switched_off(self, ada: Person) -> None:
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with connected(ada.url, ada.token):
                pass
        async with open_page(ada, "polling") as page:
            await page.ask("Hi [[tokens 3]]")
            assert page.list_data("chat:completion")[-1]["done"] is True


async def test_what_is_no_packet_is_refused(ada: Person) -> None:
    async with aiohttp.ClientSession() as session:
        path = f"{ada.url}/ws/socket.io/?EIO=4&transport=polling"
        assert (await session.get(f"{path}&sid=nobody")).status == 400
        assert (await session.post(f"{path}&sid=nobody", data=b"x")).status == 400
        assert (await session.get(f"{ada.url}/ws/socket.io/?EIO=3&transport=polling")).status == 400
    async with open_page(ada) as page:
        await page.ask("Still there? [[tokens 1]]")


# -- heartbeat and usage ------------------------------------------------------------------------------------------


async def test_a_heartbeat_shows_that_somebody_is_there(server: Server, ada: Person, bob: Person) -> None:
    db, identities = server.services.get(Database), server.services.get(IdentityResolver)

    async def seen() -> int:
        identities._written.clear()  # what was written lately would not be written again
        await identities.save_last_seen()
        at = await db.fetch_value("test.seen", 'SELECT last_active_at FROM "user" WHERE id = :id', id=bob.id)
        return int(at)

    async with connected(server.url, bob.token) as socket:
        await joined(socket, bob.token)
        await identities.save_last_seen()
        await db.execute("test.forget", 'UPDATE "user" SET last_active_at = 5 WHERE id = :id', id=bob.id)
        assert await seen() == 5
        await socket.emit("heartbeat", {})
        for _ in range(100):
            if await seen() > 5:
                return
            await asyncio.sleep(0.02)
    pytest.fail("nobody noticed the heartbeat")


async def test_models_in_use(server: Server, ada: Person) -> None:
    async def used() -> list[str]:
        return list((await ada.get("/api/usage")).ok()["model_ids"])

    async with connected(server.url, ada.token) as socket, connected(server.url, "forged") as stranger:
        await joined(socket, ada.token)
        await socket.emit("usage", {"model": "demo-small", "chat_id": "x"})
        await socket.emit("usage", {"model": 5})
        await socket.emit("usage", None)
        await stranger.emit("usage", {"model": "demo-large"})
        await until_gone(stranger)
        for _ in range(100):
            if await used():
                break
            await asyncio.sleep(0.02)
        assert await used() == ["demo-small"]
        await asyncio.sleep(3.2)
        assert await used() == []
        await socket.emit("usage", {"model": "demo-small"})
    for _ in range(100):
        if not await used():
            return
        await asyncio.sleep(0.02)
    pytest.fail("the model is in use though the page is closed")


# -- chats --------------------------------------------------------------------------------------------------------


async def a_chat(person: Person) -> str:
    return str((await person.post("/api/v1/chats/new", {"chat": {"title": "T"}})).ok()["id"])


async def says(page: Page, chat_id: Any, **event: Any) -> Any:
    return await page.socket.call("events:chat", {"chat_id": chat_id, "data": event}, timeout=5)


async def test_who_has_a_chat_open_is_shown(ada: Person) -> None:
    chat_id = await a_chat(ada)
    async with open_page(ada) as page:
        assert await says(page, chat_id, type="join") is True
        await page.wait_for("chat:presence", lambda data: data["users"] == [{"id": ada.id, "name": "Ada"}])
        async with open_page(ada, "polling") as other:
            assert await says(other, chat_id, type="join") is True
            page.events.clear()
            assert await says(other, chat_id, type="typing", data={"typing": True}) is True
            await page.wait_for("typing", lambda data: data == {"typing": True})
            assert other.list_data("typing") == []
            (told,) = [one for one in page.events if one["data"]["type"] == "typing"]
            assert told["user"] == {"id": ada.id, "name": "Ada"} and told["chat_id"] == chat_id and told["shared"]
            assert await says(other, chat_id, type="typing", data={"typing": "yes"}) is False
            assert await says(other, chat_id, type="leave") is True
            assert await says(other, chat_id, type="typing", data={"typing": True}) is False
        page.events.clear()
        assert await says(page, chat_id, type="leave") is True
        assert await says(page, chat_id, type="typing", data={"typing": True}) is False


async def test_nobody_joins_a_chat_that_is_not_theirs(ada: Person, bob: Person) -> None:
    chat_id = await a_chat(ada)
    async with open_page(ada) as page, open_page(bob) as other:
        assert await says(page, chat_id, type="join") is True
        assert await says(other, chat_id, type="join") is False
        assert await says(other, "nothing", type="join") is False
        assert await says(other, chat_id, type="typing", data={"typing": True}) is False
        assert await says(other, "temporary:x", type="join") is False
        assert await says(other, 5, type="join") is False
        assert await says(other, chat_id, type="dance") is None
        assert page.list_data("typing") == []


async def test_who_may_not_read_a_chat_any_more_hears_no_more_of_it(ada: Person, bob: Person, cy: Person) -> None:
    chat_id = await a_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat_id}/share", {"share_mode": "continue"})).ok()
    access = f"/api/v1/chats/shared/{chat_id}/access/update"
    readers = [{"principal_type": "user", "principal_id": one.id, "permission": "read"} for one in (bob, cy)]
    (await ada.post(access, {"access_grants": readers})).ok()
    async with open_page(ada) as page, open_page(bob) as out, open_page(cy) as stays:
        for one in (page, out, stays):
            assert await says(one, chat_id, type="join") is True
        await page.wait_for("chat:presence", lambda data: len(data["users"]) == 3)
        page.events.clear()
        (await ada.post(access, {"access_grants": readers[1:]})).ok()
        for one in (page, out, stays):
            await one.wait_for("chat:access")
        await page.wait_for("chat:presence", lambda data: {one["id"] for one in data["users"]} == {ada.id, cy.id})
        out.events.clear()
        assert await says(page, chat_id, type="typing", data={"typing": True}) is True
        await stays.wait_for("typing")
        assert out.events == []
        # Without the share nobody but the owner is left.
        page.events.clear()
        (await ada.delete(f"/api/v1/chats/{chat_id}/share")).ok()
        await page.wait_for("chat:presence", lambda data: [one["id"] for one in data["users"]] == [ada.id])


async def test_a_chat_taken_out_of_a_shared_folder_is_closed_to_its_readers(ada: Person, bob: Person) -> None:
    folder = str((await ada.post("/api/v1/folders/", {"name": "Ours"})).ok()["id"])
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    (await ada.post(f"/api/v1/folders/{folder}/access/update", {"access_grants": grants})).ok()
    taken, kept = await a_chat(ada), await a_chat(ada)
    for chat_id in (taken, kept):
        (await ada.post(f"/api/v1/chats/{chat_id}/folder", {"folder_id": folder})).ok()
    async with open_page(ada) as page, open_page(bob) as other:
        for chat_id in (taken, kept):
            assert await says(page, chat_id, type="join") is True
            assert await says(other, chat_id, type="join") is True
        page.events.clear()
        (await ada.post(f"/api/v1/chats/{taken}/folder", {"folder_id": None})).ok()
        await page.wait_for("chat:presence", lambda data: [one["id"] for one in data["users"]] == [ada.id])
        assert {one["chat_id"] for one in page.events if one["data"]["type"] == "chat:presence"} == {taken}
        await page.wait_for("chat:access")
        await other.wait_for("chat:access")
        page.events.clear()
        other.events.clear()
        (await ada.post(f"/api/v1/folders/{folder}/access/update", {"access_grants": []})).ok()
        await page.wait_for("chat:presence", lambda data: [one["id"] for one in data["users"]] == [ada.id])
        await other.wait_for("chat:access")
        assert [one["chat_id"] for one in other.events if one["data"]["type"] == "chat:access"] == [kept]
        # To the owner nothing has changed.
        assert page.list_data("chat:access") == []


async def test_a_socket_that_goes_leaves_its_chats(ada: Person, cy: Person) -> None:
    chat_id = await a_chat(ada)
    async with open_page(ada) as page:
        assert await says(page, chat_id, type="join") is True
        async with open_page(ada) as other:
            assert await says(other, chat_id, type="join") is True
            await page.wait_for("chat:presence")
            page.events.clear()
        await page.wait_for("chat:presence", lambda data: [one["id"] for one in data["users"]] == [ada.id])


async def test_reading_a_chat_is_told_to_every_tab(ada: Person) -> None:
    async with open_page(ada) as page, open_page(ada) as other:
        done = await page.ask("Hi [[tokens 1]]")
        await other.wait_until_idle()
        other.events.clear()
        await page.socket.emit("events:chat", {"chat_id": done["chat_id"], "data": {"type": "last_read_at"}})
        data = await other.wait_for("chat:list", lambda data: "last_read_at" in data)
        assert data["chat_id"] == done["chat_id"] and data["last_read_at"] > 1_600_000_000


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize("said", [None, [], "text", {}, {"data": None}, {"chat_id": "x", "data": "join"}])
async def test_nonsense_about_chats_is_passed_over(ada: Person, said: Any) -> None:
    async with open_page(ada) as page:
        assert await page.socket.call("events:chat", said, timeout=5) in (None, False)
        assert page.socket.connected


async def test_a_stranger_who_speaks_of_chats_is_sent_away(ada: Person) -> None:
    chat_id = await a_chat(ada)
    async with connected(ada.url, "forged") as socket:
        await socket.emit("events:chat", {"chat_id": chat_id, "data": {"type": "join"}})
        await until_gone(socket)
