"""`WS /api/ws/chat`: who may use it and for how long, and which messages its answers may be stored in."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from conftest import PASSWORD, Person, Server
from fastback.access.identity import IdentityResolver
from fastback.access.tokens import TokenSigner
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.kit.db import Database
from waiting import wait_until

PATH = "/api/ws/chat"
ENDED = {"error": {"message": "Not authenticated"}}
TAKEN = {"error": {"message": "Message already exists or has an invalid ID."}}
NOT_FOUND = {"error": {"message": "We could not find what you're looking for :/"}}


@asynccontextmanager
async def connect(server: Server, *, token: str | None = None, **headers: str) -> AsyncIterator[Any]:
    """Connect with these headers and no others; sign in with the first message where `token` is not None."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.ws_connect(server.url + PATH, headers=headers) as socket,
    ):
        if token is not None:
            await socket.send_json({"token": token})
        yield socket


def build_request(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "demo-small", "messages": [{"role": "user", "content": text}], **more}


async def ask(socket: Any, text: str, **more: Any) -> Any:
    """Run a turn, and return its last message."""
    await socket.send_json(build_request(text, **more))
    while True:
        message = await socket.receive(timeout=10)
        if message.data == "[DONE]":
            return message.data
        if "error" in (data := message.json()):
            return data


async def expect_end(socket: Any) -> None:
    """Check that the server says that the session has ended, and closes the socket with the code 4401."""
    while (message := await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT:
        last = message
    assert last.json() == ENDED
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 4401)


@pytest.fixture
async def open_models(ada: Person) -> None:
    """Let every user use the model."""
    everybody = [{"principal_type": "user", "principal_id": "*", "permission": "read"}]
    model = {"id": "demo-small", "name": "Small", "params": {}, "meta": {}, "access_grants": everybody}
    (await ada.post("/api/v1/models/create", model)).ok()


async def create_chat(person: Person) -> str:
    """Create a chat with a question and its answer."""
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a"], "role": "user", "content": "A question"},
        "a": {"id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": "An answer", "done": True},
    }
    chat = {"title": "T", "history": {"currentId": "a", "messages": messages}}
    return str((await person.post("/api/v1/chats/new", {"chat": chat})).ok()["id"])


async def read_messages(person: Person, chat_id: str) -> Any:
    return (await person.get(f"/api/v1/chats/{chat_id}")).ok()["chat"]["history"]["messages"]


async def wait_until_gone(upstream: str, word: str) -> None:
    """Wait until the model server has lost the client of a request with this word."""
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            async with session.get(f"{upstream}/_requests") as reply:
                requests = await reply.json()
            if any(word in str(request["body"]) and request["gone"] for request in requests):
                return
            await asyncio.sleep(0.05)
    pytest.fail("the model server still answers")


# -- the end of a session -----------------------------------------------------------------------------------------


async def sign_out(ada: Person, bob: Person) -> None:
    (await bob.post("/api/v1/auths/signout")).ok()


async def demote(ada: Person, bob: Person) -> None:
    form = {"name": "Bob", "email": "bob@example.com", "role": "pending", "profile_image_url": "/user.png"}
    (await ada.post(f"/api/v1/users/{bob.id}/update", form)).ok()


async def change_password(ada: Person, bob: Person) -> None:
    body = {"password": PASSWORD, "new_password": "another horse battery"}
    (await bob.post("/api/v1/auths/update/password", body)).ok()


async def revoke_sessions(ada: Person, bob: Person) -> None:
    (await ada.post(f"/api/v1/users/{bob.id}/sessions/revoke")).ok()


async def delete_user(ada: Person, bob: Person) -> None:
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()


async def change_groups(ada: Person, bob: Person) -> None:
    group = (await ada.post("/api/v1/groups/create", {"name": "G", "description": ""})).ok()
    (await ada.post(f"/api/v1/groups/id/{group['id']}/users/add", {"user_ids": [bob.id]})).ok()


EACH_END = pytest.mark.parametrize(
    "end_session", [sign_out, demote, change_password, revoke_sessions, delete_user, change_groups]
)
EndSession = Callable[[Person, Person], Coroutine[Any, Any, None]]


@EACH_END
async def test_an_idle_socket_is_closed_with_its_session(
    server: Server, ada: Person, bob: Person, open_models: None, end_session: EndSession
) -> None:
    async with connect(server, token=bob.token) as socket, connect(server, token=ada.token) as other:
        assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        await end_session(ada, bob)
        await expect_end(socket)
        assert await ask(other, "Hi [[tokens 1]]") == "[DONE]"


@EACH_END
async def test_a_running_answer_is_stopped_with_its_session(
    server: Server, ada: Person, bob: Person, open_models: None, upstream: str, end_session: EndSession
) -> None:
    word = uuid.uuid4().hex
    chat_id = await create_chat(bob)
    async with connect(server, authorization=f"Bearer {bob.token}") as socket:
        metadata = {"chat_id": chat_id, "message_id": "new"}
        await socket.send_json(build_request(f"{word} [[tokens 500000]]", metadata=metadata))
        for _ in range(5):
            await socket.receive(timeout=10)
        await end_session(ada, bob)
        await expect_end(socket)
    await wait_until_gone(upstream, word)
    if end_session is not delete_user:

        async def find_finished_answer() -> Any:
            answer = (await read_messages(ada, chat_id))["new"]
            return answer if answer["done"] else None

        assert (await wait_until(find_finished_answer))["content"].startswith("word0 word1 ")


async def test_the_identity_is_resolved_before_each_turn(server: Server, ada: Person) -> None:
    """A token expires, and a role changes in the database alone: nothing reports either."""
    tokens, identities = server.services.get(TokenSigner), server.services.get(IdentityResolver)
    claims = tokens.read(str(ada.token))
    assert claims is not None
    lasting = {key: claims[key] for key in claims if key not in ("exp", "jti", "iat")}
    async with connect(server, token=tokens.create(lasting, lifetime=3)) as socket:
        assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        await asyncio.sleep(3.1)
        await socket.send_json(build_request("Hi [[tokens 1]]"))
        await expect_end(socket)
    async with connect(server, token=ada.token) as socket:
        assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        db = server.services.get(Database)
        await db.execute("test.demote", "UPDATE \"user\" SET role = 'pending' WHERE id = :id", id=ada.id)
        identities.forget(ada.id)
        await socket.send_json(build_request("Hi [[tokens 1]]"))
        await expect_end(socket)


# -- who may connect ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite"])
async def test_a_long_question_is_answered(server: Server, ada: Person) -> None:
    async with connect(server, token=ada.token) as socket:
        assert await ask(socket, "Hi") == "[DONE]"  # large messages are accepted once the user is known
        assert await ask(socket, "word " * 200_000 + "[[tokens 3]]") == "[DONE]"


async def test_an_api_key_signs_in_by_its_header(server: Server, ada: Person) -> None:
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_API_KEYS": True})).ok()
    key = (await ada.post("/api/v1/auths/api_key")).ok()["api_key"]
    async with connect(server, x_api_key=key) as socket:
        assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with connect(server, x_api_key="sk-forged"):
            pass


@pytest.mark.parametrize("database", ["sqlite"])
class TestOrigins:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"CORS_ALLOW_ORIGIN": "https://listed.example;https://too.example"}

    async def test_a_page_of_another_origin_cannot_use_the_cookie(self, server: Server, ada: Person) -> None:
        cookie, own = f"token={ada.token}", server.url
        for origin in (own, "https://listed.example"):
            async with connect(server, cookie=cookie, origin=origin) as socket:
                assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        proxied = {"origin": "https://chat.example", "x_forwarded_host": "chat.example"}
        async with connect(server, cookie=cookie, **proxied) as socket:
            assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        for origin in ("https://evil.example", "null", f"{own}.evil.example", "https://listed.example.evil.example"):
            for headers in ({}, {"authorization": "Basic Og=="}):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                    async with connect(server, cookie=cookie, origin=origin, **headers):
                        pass
                assert refusal.value.status == 403

    async def test_a_page_of_another_origin_may_bring_its_own_token(self, server: Server, ada: Person) -> None:
        foreign = "https://evil.example"
        async with connect(server, authorization=f"Bearer {ada.token}", origin=foreign) as socket:
            assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        async with connect(server, token=ada.token, origin=foreign) as socket:
            assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"


@pytest.mark.parametrize("database", ["sqlite"])
class TestTrustedHeader:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "x-email"}

    async def test_a_session_of_another_user_is_refused(self, server: Server) -> None:
        person = server.stranger()
        account = (
            await person.post(
                "/api/v1/auths/signin", {"email": "", "password": ""}, headers={"x-email": "ada@example.com"}
            )
        ).ok()
        bearer = f"Bearer {account['token']}"
        async with connect(server, authorization=bearer, x_email="ada@example.com") as socket:
            assert await ask(socket, "Hi [[tokens 1]]") == "[DONE]"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with connect(server, authorization=bearer, x_email="bob@example.com"):
                pass


# -- stored answers -----------------------------------------------------------------------------------------------


async def test_an_answer_never_replaces_another_message(
    server: Server, ada: Person, bob: Person, cy: Person, open_models: None
) -> None:
    chat_id = await create_chat(bob)
    (await bob.post(f"/api/v1/chats/{chat_id}/share", {"share_mode": "continue"})).ok()
    grants = [{"principal_type": "user", "principal_id": cy.id, "permission": "read"}]
    (await bob.post(f"/api/v1/chats/shared/{chat_id}/access/update", {"access_grants": grants})).ok()
    before = await read_messages(bob, chat_id)
    for person in (bob, cy):
        async with connect(server, token=person.token) as socket:
            for message_id in ("q", "a"):
                metadata = {"chat_id": chat_id, "message_id": message_id}
                assert await ask(socket, "Hi [[tokens 1]]", metadata=metadata) == TAKEN
            missing = {"chat_id": "no-such-chat", "message_id": "new"}
            assert await ask(socket, "Hi [[tokens 1]]", metadata=missing) == NOT_FOUND
            unknown_model = {"chat_id": chat_id, "message_id": "new"}
            error = await ask(socket, "Hi", model="no-such-model", metadata=unknown_model)
            assert error == {"error": {"message": "Model not found"}}
    assert await read_messages(bob, chat_id) == before
    async with connect(server, token=ada.token) as socket:
        metadata = {"chat_id": chat_id, "message_id": "new"}
        assert await ask(socket, "Hi [[tokens 1]]", metadata=metadata) == NOT_FOUND
    async with connect(server, token=cy.token) as socket:
        assert await ask(socket, "Hi [[tokens 2]]", metadata=metadata, user_message={"id": "q"}) == "[DONE]"
        assert await ask(socket, "Hi [[tokens 1]]", metadata=metadata) == TAKEN
    messages = await read_messages(bob, chat_id)
    answer = messages["new"]
    assert (answer["content"], answer["done"], answer["user_id"]) == ("word0 word1", True, cy.id)
    assert answer["parentId"] == "q" and messages["q"]["childrenIds"] == ["a", "new"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("demo-error-429", "demo refusal 429"),
        ("[[silent 0.3]] [[break]] [[tokens 50]]", "Open WebUI: Server Connection Error"),
    ],
)
async def test_a_failed_answer_is_done_and_stored_with_its_error(
    server: Server, ada: Person, text: str, expected: str
) -> None:
    chat_id = await create_chat(ada)
    async with connect(server, token=ada.token) as socket:
        metadata = {"chat_id": chat_id, "message_id": "new"}
        assert await ask(socket, text, metadata=metadata) == {"error": {"message": expected}}
    answer = (await read_messages(ada, chat_id))["new"]
    assert (answer["done"], answer["error"]) == (True, {"content": expected})


async def test_an_answer_that_is_cancelled_before_it_began_is_done(server: Server, ada: Person) -> None:
    chat_id = await create_chat(ada)
    async with connect(server, token=ada.token) as socket:
        metadata = {"chat_id": chat_id, "message_id": "new"}
        await socket.send_json(build_request("[[slow]]", metadata=metadata))
        for _ in range(200):
            if "new" in await read_messages(ada, chat_id):
                break
            await asyncio.sleep(0.02)
        await socket.send_json({"cancel": True})
        assert await socket.receive_json(timeout=10) == {"cancelled": True}
    assert (await read_messages(ada, chat_id))["new"]["done"] is True


@pytest.mark.parametrize("database", ["sqlite"])
async def test_the_text_of_an_unexpected_error_is_not_shown(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(turn: Any) -> None:
        raise ValueError("a secret path")

    monkeypatch.setattr(server.services.get(TurnPipeline), "execute", fail)
    async with connect(server, token=ada.token) as socket:
        assert await ask(socket, "Hi") == {"error": {"message": "Internal Server Error"}}
