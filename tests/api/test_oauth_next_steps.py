"""Sign-ins at a provider that do not end with a session: a second factor follows, or an administrator must approve."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from conftest import Person, Server
from fastback.config import Config
from oidc_provider import Browser, FakeProvider, build_environment, serve_provider


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment(provider: FakeProvider) -> dict[str, str]:
    return build_environment(provider)


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.url)


async def test_a_second_factor_follows_a_sign_in(server: Server, ada: Person, browser: Browser) -> None:
    await server.services.get(Config).set_many(
        {"auth.mfa.enable": True, "oauth.merge_accounts_by_email": True, "ui.default_user_role": "user"}
    )
    browser.cookies["token"] = "an old one"
    reply = await browser.sign_in()
    assert (reply.status, reply.headers["location"]) == (307, f"{server.url}/auth?mfa=1")
    assert "token" not in browser.cookies and "oauth_session_id" not in browser.cookies
    cookie = browser.set_cookies["mfa_challenge"]
    assert "Path=/api/v1/auths/mfa" in cookie and "HttpOnly" in cookie
    step = (await browser.post("/api/v1/auths/mfa/challenge")).ok()
    assert step["next_step"] == "enroll"


async def test_the_policy_may_excuse_sign_ins_by_oauth(server: Server, ada: Person, browser: Browser) -> None:
    await server.services.get(Config).set_many(
        {"auth.mfa.enable": True, "auth.mfa.allow_oauth_bypass": True, "oauth.merge_accounts_by_email": True}
    )
    assert (await browser.sign_in()).headers["location"] == f"{server.url}/auth"
    assert (await Person(server.url, browser.cookies["token"]).get("/api/v1/auths/")).status == 200


async def test_a_new_account_waits_for_approval(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    await server.services.get(Config).set_many({"auth.mfa.enable": True})
    provider.claims = {"sub": "b", "email": "bob@example.net", "name": "Bob"}
    reply = await browser.sign_in()
    assert reply.headers["location"] == f"{server.url}/auth?pending=1"
    assert "token" not in browser.cookies and "mfa_challenge" not in browser.cookies
