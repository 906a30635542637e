"""What follows a sign-in at a provider: signing out, back-channel logout, and the user's renewed tokens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conftest import Person, Server
from fastback.config import Config
from fastback.features.oauth import providers
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.user_tokens import SignInTokens
from fastback.features.oauth_sessions.service import OAuthSessions
from oidc_provider import (
    CLIENT_ID,
    LOGOUT_EVENT,
    Browser,
    FakeProvider,
    build_environment,
    make_foreign_key,
    serve_provider,
    sign_in_as_person,
    wait_forever,
)

LOGOUT = "/oauth/backchannel-logout"


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment_changes() -> dict[str, str]:
    """Return further variables; tests override this fixture."""
    return {}


@pytest.fixture
def environment(provider: FakeProvider, environment_changes: dict[str, str]) -> dict[str, str]:
    return build_environment(
        provider, **{"ENABLE_OAUTH_BACKCHANNEL_LOGOUT": "true", "OAUTH_TIMEOUT": "1", **environment_changes}
    )


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.url)


def _get_sessions(server: Server) -> OAuthSessions:
    sessions: OAuthSessions = server.services.get(OAuthSessions)
    return sessions


async def test_signing_out_also_ends_the_session_at_the_provider(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    ada = await sign_in_as_person(server, browser)
    id_token = browser.cookies["oauth_id_token"]
    answer = (await browser.post("/api/v1/auths/signout")).ok()
    assert answer["status"] is True
    url = urlsplit(answer["redirect_url"])
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{provider.url}/logout"
    assert parse_qs(url.query) == {"id_token_hint": [id_token]}
    assert browser.cookies == {}
    (await ada.get("/api/v1/auths/")).refused(401)


@pytest.mark.parametrize(
    "environment_changes", [{"WEBUI_AUTH_SIGNOUT_REDIRECT_URL": "https://example.com/bye?a=1&b=2"}]
)
async def test_the_provider_sends_the_browser_on_after_the_sign_out(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.metadata["end_session_endpoint"] = f"{provider.url}/logout?realm=x"
    provider.id_claims = {}
    await sign_in_as_person(server, browser)
    url = urlsplit((await browser.post("/api/v1/auths/signout")).ok()["redirect_url"])
    query = parse_qs(url.query)
    assert query["post_logout_redirect_uri"] == ["https://example.com/bye?a=1&b=2"] and query["realm"] == ["x"]
    # Without a session at a provider the browser goes there at once.
    assert (await browser.post("/api/v1/auths/signout")).ok()["redirect_url"] == "https://example.com/bye?a=1&b=2"
    browser.cookies["oauth_session_id"] = "unknown"
    assert (await browser.post("/api/v1/auths/signout")).ok()["redirect_url"] == "https://example.com/bye?a=1&b=2"


async def test_signing_out_works_while_the_provider_is_down(
    server: Server, provider: FakeProvider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await sign_in_as_person(server, browser)
    monkeypatch.setattr("fastback.features.oauth.discovery.LIFETIME", -1.0)
    server.services.get(Discovery)._documents.clear()
    provider.replies["/.well-known/openid-configuration"] = (503, b"")
    assert (await browser.post("/api/v1/auths/signout")).ok() == {"status": True}
    (await ada.get("/api/v1/auths/")).refused(401)


@pytest.mark.parametrize("environment_changes", [{"OPENID_END_SESSION_ENDPOINT": "https://idp.example.com/out?x=1"}])
async def test_a_configured_address_ends_the_session(server: Server, browser: Browser) -> None:
    await sign_in_as_person(server, browser)
    assert (await browser.post("/api/v1/auths/signout")).ok()["redirect_url"] == "https://idp.example.com/out?x=1"
    assert (await browser.post("/api/v1/auths/signout")).ok() == {"status": True}  # without an OAuth session


async def test_a_provider_ends_every_session_of_a_user(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    ada = await sign_in_as_person(server, browser)
    other_device = await sign_in_as_person(server, Browser(server.url))
    provider.claims = {"sub": "bob", "email": "bob@example.com", "name": "Bob"}
    bob = await sign_in_as_person(server, Browser(server.url))
    provider.claims = {"sub": "ada-1"}
    reply = await server.stranger().post(LOGOUT, data={"logout_token": provider.build_logout_token(sid="s-1")})
    assert (reply.ok(), reply.headers["cache-control"]) == ({}, "no-store")
    for person in (ada, other_device):
        (await person.get("/api/v1/auths/")).refused(401)
    (await bob.get("/api/v1/auths/")).ok()
    assert await _get_sessions(server).list_of_user(ada.id) == []
    assert len(await _get_sessions(server).list_of_user(bob.id)) == 1
    provider.claims = {"sub": "ada-1", "email": "ada@example.com", "name": "Ada"}
    again = await sign_in_as_person(server, browser)
    assert again.id == ada.id


async def test_a_session_at_the_provider_names_its_user(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.id_claims = {"sid": "session-7"}
    ada = await sign_in_as_person(server, browser)
    token = provider.build_logout_token(sub=None, sid="another")
    assert (await server.stranger().post(LOGOUT, data={"logout_token": token})).ok() == {}
    (await ada.get("/api/v1/auths/")).ok()
    token = provider.build_logout_token(sub=None, sid="session-7")
    assert (await server.stranger().post(LOGOUT, data={"logout_token": token})).ok() == {}
    (await ada.get("/api/v1/auths/")).refused(401)


async def test_a_logout_token_is_used_once(server: Server, provider: FakeProvider, browser: Browser) -> None:
    await sign_in_as_person(server, browser)
    token = provider.build_logout_token()
    (await server.stranger().post(LOGOUT, data={"logout_token": token})).ok()
    ada = await sign_in_as_person(server, browser)
    reply = await server.stranger().post(LOGOUT, data={"logout_token": token})
    assert (reply.status, reply.json["error_description"]) == (400, "logout_token was used before")
    (await ada.get("/api/v1/auths/")).ok()


async def test_a_slow_provider_does_not_delay_the_logout_at_another_one(
    server: Server, provider: FakeProvider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_in_as_person(server, browser)
    monkeypatch.setattr(providers, "_GOOGLE_METADATA_URL", f"{provider.url}/slow")
    provider.replies["/slow"] = wait_forever
    await server.services.get(Config).set_many({"oauth.google.client_id": "g", "oauth.google.client_secret": "s"})
    started = time.monotonic()
    (await server.stranger().post(LOGOUT, data={"logout_token": provider.build_logout_token()})).ok()
    assert time.monotonic() - started < 0.9  # the slow one takes a second


_NOW = int(time.time())
LOGOUT_FLAWS: dict[str, tuple[dict[str, Any], str]] = {
    "no issuer": ({"iss": None}, "logout_token missing iss claim"),
    "foreign issuer": ({"iss": "https://evil.example.com"}, "No configured provider matches token issuer"),
    "foreign audience": ({"aud": "another"}, "Invalid logout_token: Audience doesn't match"),
    "expired": ({"exp": _NOW - 9999}, "Invalid logout_token: Signature has expired"),
    "old": ({"exp": None, "iat": _NOW - 99999}, "Invalid logout_token: Signature has expired"),
    "odd expiry": ({"exp": "soon"}, "Invalid logout_token: Signature has expired"),
    "from the future": ({"iat": _NOW + 99999}, "Invalid logout_token: The token is not yet valid (iat)"),
    "no time": ({"iat": None}, 'Invalid logout_token: Token is missing the "iat" claim'),
    "no events": ({"events": None}, 'Invalid logout_token: Token is missing the "events" claim'),
    "odd events": ({"events": "x"}, "Missing backchannel-logout event claim"),
    "other events": ({"events": {"x": {}}}, "Missing backchannel-logout event claim"),
    "a nonce": ({"nonce": "x"}, "logout_token must not contain nonce"),
    "nobody": ({"sub": None}, "logout_token must contain sub or sid"),
}


@pytest.mark.parametrize("flaw", LOGOUT_FLAWS)
async def test_an_invalid_logout_token_is_refused(
    server: Server, provider: FakeProvider, browser: Browser, flaw: str
) -> None:
    ada = await sign_in_as_person(server, browser)
    changes, description = LOGOUT_FLAWS[flaw]
    reply = await server.stranger().post(LOGOUT, data={"logout_token": provider.build_logout_token(**changes)})
    assert reply.status == 400
    assert reply.json == {"error": "invalid_request", "error_description": description}
    (await ada.get("/api/v1/auths/")).ok()


async def test_a_forged_logout_token_is_refused(server: Server, provider: FakeProvider, browser: Browser) -> None:
    ada = await sign_in_as_person(server, browser)
    claims = {"iss": provider.url, "aud": CLIENT_ID, "iat": _NOW, "events": LOGOUT_EVENT, "sub": "ada-1"}
    stranger = server.stranger()
    for token in (provider.sign(claims, key=make_foreign_key()), provider.sign(claims, kid="unknown")):
        reply = await stranger.post(LOGOUT, data={"logout_token": token})
        assert reply.status == 400
        assert reply.json["error_description"] == "Invalid logout_token: no published key has signed the token"
    for form, description in (
        ({}, "Missing logout_token parameter"),
        ({"logout_token": ""}, "Missing logout_token parameter"),
        ({"logout_token": "garbage"}, "Malformed logout_token"),
        ({"logout_token": "a.b.c"}, "Malformed logout_token"),
        ({"logout_token": "x" * 20_000}, "Malformed logout_token"),
        ({str(number): "x" for number in range(50)}, "Missing logout_token parameter"),
    ):
        reply = await stranger.post(LOGOUT, data=form)
        assert (reply.status, reply.json["error_description"]) == (400, description)
    assert (await stranger.post(LOGOUT, data=b"\xff\xfe")).status == 400
    assert (await stranger.post(LOGOUT, data=b"x" * 100_000)).status == 413
    (await ada.get("/api/v1/auths/")).ok()


@pytest.mark.parametrize("environment_changes", [{"ENABLE_OAUTH_BACKCHANNEL_LOGOUT": "false"}])
async def test_back_channel_logout_may_be_switched_off(server: Server) -> None:
    assert (await server.stranger().post(LOGOUT, data={"logout_token": "x"})).refused(404) == "Not Found"


async def test_the_tokens_of_a_user_are_found_and_renewed(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    tokens = server.services.get(SignInTokens)
    ada = await sign_in_as_person(server, browser)
    session_id = browser.cookies["oauth_session_id"]
    first = await tokens.find(ada.id, session_id)
    assert first is not None
    provider.token_fields = {"expires_in": 60}
    await sign_in_as_person(server, browser)
    soon = browser.cookies["oauth_session_id"]
    provider.token_fields = {"refresh_token": None}
    renewed = await tokens.find(ada.id, soon)
    assert renewed is not None
    assert renewed["access_token"] in provider.access_tokens and renewed["refresh_token"].startswith("rt-")
    assert [request["grant_type"] for request in provider.list_requests("/token")][-1] == "refresh_token"
    # Without a browser, the newest session that is valid.
    await _get_sessions(server).delete(session_id)
    assert await tokens.find(ada.id) == renewed
    assert await tokens.find("nobody", session_id) is None
    # The session of another user is of no use, nor is one at a tool server.
    await _get_sessions(server).create(ada.id, "mcp:server", {"access_token": "tool", "expires_at": 2**40})
    assert await tokens.find(ada.id) == renewed


async def test_a_token_whose_id_token_expires_is_renewed(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.id_claims = {"exp": int(time.time()) + 30}
    ada = await sign_in_as_person(server, browser)
    tokens = server.services.get(SignInTokens)
    assert await tokens.find(ada.id, browser.cookies["oauth_session_id"]) is not None
    assert len(provider.list_requests("/token")) == 2


@pytest.mark.parametrize("environment_changes", [{"OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE": "true"}])
async def test_a_provider_that_fails_to_renew_is_survived(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.token_fields = {"expires_in": 60}
    ada = await sign_in_as_person(server, browser)
    session_id = browser.cookies["oauth_session_id"]
    tokens = server.services.get(SignInTokens)
    provider.replies["/token"] = wait_forever
    assert await tokens.find(ada.id, session_id) is not None  # for a minute
    assert provider.list_requests("/token")[-1]["scope"] == "openid email profile"
    provider.replies["/token"] = (400, {"error": "invalid_grant"})
    await _sign_in_with_expired_token(server, provider, ada)
    assert len(await _get_sessions(server).list_of_user(ada.id)) == 1


async def _sign_in_with_expired_token(server: Server, provider: FakeProvider, person: Person) -> None:
    session = await _get_sessions(server).create(
        person.id, "oidc", {"access_token": "old", "refresh_token": "spent", "expires_at": 5}
    )
    tokens = server.services.get(SignInTokens)
    token = await tokens.find(person.id, session.id)
    assert token is None or token["access_token"] != "old"
