"""The exchange of an access token, which another program got from a provider, for a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person, Server
from oidc_provider import (
    CLIENT_ID,
    Browser,
    FakeProvider,
    build_environment,
    serve_provider,
    sign_in_as_person,
    wait_forever,
)

PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
EXCHANGE = "/api/v1/auths/oauth/oidc/token/exchange"
CONFIG = "/api/v1/auths/admin/config/oauth"


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
        provider, **{"ENABLE_OAUTH_TOKEN_EXCHANGE": "true", "OAUTH_TIMEOUT": "1", **environment_changes}
    )


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.url)


async def _get_access_token(server: Server, provider: FakeProvider, browser: Browser) -> str:
    await sign_in_as_person(server, browser)
    return list(provider.access_tokens)[-1]


async def test_an_access_token_is_exchanged_for_a_session(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    token = await _get_access_token(server, provider, browser)
    stranger = server.stranger()
    reply = await stranger.post(EXCHANGE, {"token": token})
    session = reply.ok()
    assert "set-cookie" not in reply.headers
    assert (await Person(server.url, session["token"]).get("/api/v1/auths/")).status == 200
    assert session["email"] == "ada@example.com"
    detail = "Invalid token or unable to validate with provider"
    (await stranger.post(EXCHANGE, {"token": "forged"})).refused(400, detail)
    for token_text in ("", "a\r\nX-Admin: 1", "ü" * 100, "a." * 50_000, "x" * 500_000):
        (await stranger.post(EXCHANGE, {"token": token_text})).refused(400, detail)
    (await stranger.post(EXCHANGE, {})).refused(422)
    path = EXCHANGE.replace("oidc", "google")
    (await stranger.post(path, {"token": token})).refused(404, "Provider 'google' is not configured")
    provider.replies["/userinfo"] = wait_forever
    (await stranger.post(EXCHANGE, {"token": token})).refused(400, detail)
    provider.replies["/userinfo"] = (200, {"email": "ada@example.com"})
    (await stranger.post(EXCHANGE, {"token": token})).refused(400, "Token missing required 'sub' claim")
    provider.replies["/userinfo"] = (200, {"sub": "ada-1", "email": 7})
    (await stranger.post(EXCHANGE, {"token": token})).refused(400, "Token missing required email claim")
    provider.replies["/userinfo"] = (200, {"sub": "x", "email": "x@example.com"})
    detail = "User not found. Please sign in via the web interface first."
    (await stranger.post(EXCHANGE, {"token": token})).refused(403, detail)


@pytest.mark.parametrize(
    "environment_changes", [{"OAUTH_ALLOWED_DOMAINS": "example.com", "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "true"}]
)
async def test_the_exchange_follows_the_rules_of_sign_ins(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    bob = await server.add_user(ada, "Bob")
    (await ada.post("/api/v1/groups/create", {"name": "chess", "description": ""})).ok()
    settings = {
        "ENABLE_OAUTH_ROLE_MANAGEMENT": True,
        "OAUTH_ALLOWED_ROLES": "staff",
        "OAUTH_ADMIN_ROLES": "boss",
        "ENABLE_OAUTH_GROUP_MANAGEMENT": True,
    }
    (await ada.post(CONFIG, settings)).ok()
    stranger = server.stranger()
    info: dict[str, Any] = {"sub": "b", "email": "Bob@example.com"}
    provider.replies["/userinfo"] = (200, info)
    (await stranger.post(EXCHANGE, {"token": "opaque"})).refused(403, PROHIBITED)  # no roles
    info["roles"] = ["guest"]
    (await stranger.post(EXCHANGE, {"token": "opaque"})).refused(403, PROHIBITED)
    del info["roles"]
    token = provider.sign({"roles": ["staff"], "groups": ["chess"]})  # claims of the access token
    session = (await stranger.post(EXCHANGE, {"token": token})).ok()
    assert (session["id"], session["role"]) == (bob.id, "user")
    person = Person(server.url, session["token"])
    server.people.append(person)
    assert [group["name"] for group in (await person.get("/api/v1/users/groups")).ok()] == ["chess"]
    info["email"] = "bob@example.org"
    (await stranger.post(EXCHANGE, {"token": token})).refused(403, PROHIBITED)


@pytest.mark.parametrize(
    "environment_changes", [{"OAUTH_TOKEN_EXCHANGE_TRUSTED_CLIENT_IDS": "desktop-app, mobile-app"}]
)
async def test_only_tokens_of_trusted_clients_are_exchanged(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    token = await _get_access_token(server, provider, browser)
    stranger = server.stranger()
    (await stranger.post(EXCHANGE, {"token": token})).ok()
    unknown = "Unable to determine which client the token was issued to"
    (await stranger.post(EXCHANGE, {"token": "forged"})).refused(400, unknown)
    for answer in ({"active": True, "client_id": "evil"}, {"active": True, "client_id": CLIENT_ID}):
        provider.replies["/introspect"] = (200, answer)
        (await stranger.post(EXCHANGE, {"token": token})).refused(403, PROHIBITED)
    for reply in (
        (200, {"active": "yes", "client_id": "mobile-app"}),
        (200, {"active": True}),
        (200, {"active": True, "client_id": ["mobile-app"]}),
        (200, []),
        (500, b""),
        wait_forever,
    ):
        provider.replies["/introspect"] = reply
        (await stranger.post(EXCHANGE, {"token": token})).refused(400, unknown)


@pytest.mark.parametrize("environment_changes", [{"OAUTH_TOKEN_EXCHANGE_RATE_LIMIT": "3"}])
async def test_exchanges_are_limited(server: Server, provider: FakeProvider) -> None:
    stranger = server.stranger()
    for _ in range(3):
        (await stranger.post(EXCHANGE, {"token": "x"})).refused(400)
    (await stranger.post(EXCHANGE, {"token": "x"})).refused(429, "API rate limit exceeded")
    assert len(provider.list_requests("/userinfo")) == 3


@pytest.mark.parametrize("environment_changes", [{"ENABLE_OAUTH_TOKEN_EXCHANGE": "false"}])
async def test_the_exchange_is_off_by_default(server: Server) -> None:
    (await server.stranger().post(EXCHANGE, {"token": "x"})).refused(403, "Token exchange is disabled")
