"""Tokens of users for tool servers: renewed before they expire, and given up where the server refuses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from conftest import Person, Server
from fastback.features.oauth_clients import tool_server_tokens
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.oauth_sessions import renewal
from fastback.features.oauth_sessions.service import OAuthSessions
from oauth_servers import build_connection, connect, is_authenticated, register
from odd_oauth_server import OddServer, sign_in
from stub_server import serve_handler

CLIENT = "mcp:odd"


@pytest.fixture
async def odd(ada: Person) -> AsyncIterator[OddServer]:
    """Return a server at which Ada has signed in, with a token that expires within the margin of renewal."""
    server = OddServer()
    async with serve_handler(server.answer) as server.url:
        client_info = await register(ada, "odd", f"{server.url}/mcp", oauth_scope="read write")
        await connect(ada, build_connection("odd", f"{server.url}/mcp", client_info))
        give_token(server, "first", expires_in=100, refresh_token="r1")
        assert await sign_in(ada, server) == ""
        server.forms.clear()
        yield server


def give_token(odd: OddServer, access_token: str, **more: Any) -> None:
    odd.tokens = lambda: web.json_response({"access_token": access_token, "token_type": "Bearer", **more})


def get_tokens(server: Server) -> ToolServerTokens:
    tokens: ToolServerTokens = server.services.get(ToolServerTokens)
    return tokens


async def expire_session(server: Server, person: Person) -> None:
    """Let the stored token have expired."""
    sessions: OAuthSessions = server.services.get(OAuthSessions)
    session = await sessions.find_newest(person.id, CLIENT)
    assert session is not None
    await sessions.update_token(session.id, {**session.token, "expires_at": int(time.time()) - 10})


async def test_a_token_is_renewed_before_it_expires(ada: Person, server: Server, odd: OddServer) -> None:
    give_token(odd, "second", expires_in=3600)
    tokens = get_tokens(server)
    assert await asyncio.gather(*(tokens.find_access_token(ada.id, CLIENT) for _ in range(5))) == ["second"] * 5
    ((form, _),) = odd.forms
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "r1",
        "client_id": "c1",
        "client_secret": "s3cret:+%&",
    }
    stored = await tokens.find(ada.id, CLIENT)
    assert stored is not None and stored["refresh_token"] == "r1", "which the response did not repeat"


class TestWithScope:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE": "true"}

    async def test_a_renewal_names_the_scope(self, ada: Person, server: Server, odd: OddServer) -> None:
        give_token(odd, "second", expires_in=3600)
        assert await get_tokens(server).find_access_token(ada.id, CLIENT) == "second"
        assert odd.forms[-1][0]["scope"] == "read write"


async def test_a_refused_renewal_ends_the_session(ada: Person, server: Server, odd: OddServer) -> None:
    odd.tokens = lambda: web.json_response({"error": "invalid_grant"}, status=400)
    assert await is_authenticated(ada, "odd") and odd.forms == [], "lists ask for nothing before it has expired"
    await expire_session(server, ada)
    assert not await is_authenticated(ada, "odd")
    (await ada.get(f"/api/v1/users/{ada.id}/oauth/sessions")).refused(400)
    assert await get_tokens(server).find_access_token(ada.id, CLIENT) is None and len(odd.forms) == 1


async def test_while_the_server_is_down_a_token_is_used_until_it_expires(
    ada: Person, server: Server, odd: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "RETRY_PAUSE", 0)
    for status, text in ((503, ""), (429, ""), (200, "<html>")):
        odd.tokens = lambda: web.Response(status=status, text=text)  # noqa: B023
        assert await get_tokens(server).find_access_token(ada.id, CLIENT) == "first"
    await expire_session(server, ada)
    assert not await is_authenticated(ada, "odd")
    give_token(odd, "second", expires_in=3600)
    assert await is_authenticated(ada, "odd"), "the session is still there"


async def test_a_renewal_goes_on_when_its_request_ends(ada: Person, server: Server, odd: OddServer) -> None:
    """The authorization server has used the refresh token up, whether or not anything waits for the answer."""
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def answer_late() -> web.Response:
        has_begun.set()
        await may_end.wait()
        return web.json_response({"access_token": "second", "expires_in": 3600})

    odd.tokens = answer_late
    tokens = get_tokens(server)
    stopped = asyncio.create_task(tokens.find_access_token(ada.id, CLIENT))
    await has_begun.wait()
    stopped.cancel()
    waiting = asyncio.create_task(tokens.find_access_token(ada.id, CLIENT))
    await asyncio.sleep(0.1)
    may_end.set()
    assert await waiting == "second"
    assert len(odd.forms) == 1 and stopped.cancelled()


async def test_lists_wait_a_short_time_for_renewals(
    ada: Person, server: Server, odd: OddServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_server_tokens, "_LIST_SECONDS", 0.2)
    may_end = asyncio.Event()

    async def answer_late() -> web.Response:
        await may_end.wait()
        return web.json_response({"access_token": "second", "expires_in": 3600})

    odd.tokens = answer_late
    await expire_session(server, ada)
    assert not await is_authenticated(ada, "odd")
    may_end.set()
    assert await get_tokens(server).find_access_token(ada.id, CLIENT) == "second"
    assert await is_authenticated(ada, "odd") and len(odd.forms) == 1


async def test_requests_at_the_same_time_try_once(ada: Person, server: Server, odd: OddServer) -> None:
    odd.tokens = lambda: web.Response(status=503)
    tokens = get_tokens(server)
    assert await asyncio.gather(*(tokens.find_access_token(ada.id, CLIENT) for _ in range(5))) == ["first"] * 5
    assert len(odd.forms) == 1


async def test_a_token_that_nothing_renews_is_used_until_it_expires(
    ada: Person, server: Server, odd: OddServer
) -> None:
    give_token(odd, "only", expires_in=100)
    assert await sign_in(ada, odd) == ""
    assert await get_tokens(server).find_access_token(ada.id, CLIENT) == "only"
    await expire_session(server, ada)
    assert not await is_authenticated(ada, "odd")
    (await ada.get(f"/api/v1/users/{ada.id}/oauth/sessions")).refused(400)


async def test_odd_token_responses_are_stored_safely(ada: Person, server: Server, odd: OddServer) -> None:
    for more in (
        {"expires_in": "3600", "refresh_token": 5},
        {"expires_in": -5, "expires_at": None},
        {"expires_in": 10**400},
        {"expires_in": [], "scope": {"a": "\x00"}, "refresh_token": ""},
    ):
        give_token(odd, "odd", **more)
        assert await sign_in(ada, odd) == "", more
        (session,) = (await ada.get(f"/api/v1/users/{ada.id}/oauth/sessions")).ok()
        assert session["token"]["access_token"] == "odd"
        await is_authenticated(ada, "odd")


async def test_a_server_that_is_no_longer_connected_renews_nothing(ada: Person, server: Server, odd: OddServer) -> None:
    await connect(ada)
    assert await get_tokens(server).find_access_token(ada.id, CLIENT) == "first"
    await expire_session(server, ada)
    assert await get_tokens(server).find_access_token(ada.id, CLIENT) is None and odd.forms == []


async def test_logs_have_no_secrets(
    ada: Person, server: Server, odd: OddServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    give_token(odd, "access-secret", refresh_token="refresh-secret", expires_in=100)
    assert await sign_in(ada, odd) == ""
    for response in (
        web.Response(status=400, text='{"error": "invalid_grant", "refresh_token": "refresh-secret"}'),
        web.Response(status=500, text="access-secret"),
    ):
        odd.tokens = lambda: response  # noqa: B023
        await get_tokens(server).find_access_token(ada.id, CLIENT)
        give_token(odd, "access-secret", refresh_token="refresh-secret", expires_in=100)
        await sign_in(ada, odd)
    await register(ada, "odd", f"{odd.url}/mcp", client_secret="client-secret")
    own = [record.getMessage() for record in caplog.records if record.name.startswith("fastback")]
    assert any("signed in to tool server" in line for line in own)
    secrets = ("access-secret", "refresh-secret", "client-secret", "s3cret", "state=", "code=")
    assert [line for line in own if any(secret in line for secret in secrets)] == []
