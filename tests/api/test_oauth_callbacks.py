"""What comes back from authorization servers: forged, replayed, expired, of another user, refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conftest import Person, Server
from fastback.features.oauth_clients import authorization_states
from oauth_servers import Browser, OAuthMcpServer, build_connection, connect, is_authenticated, read_query, register

CLIENT = "mcp:birds"
INVALID = "OAuth callback failed: OAuth callback state is invalid or expired"


@pytest.fixture
async def birds(ada: Person) -> AsyncIterator[OAuthMcpServer]:
    server = OAuthMcpServer()
    async with server.run():
        client_info = await register(ada, "birds", server.url)
        copies = (build_connection(name, server.url, client_info) for name in ("birds", "ducks"))
        await connect(ada, *copies)
        yield server


async def open_callback(browser: Browser, url: str) -> str:
    """Return the error that the page shows; empty without one."""
    reply = await browser.get(url)
    assert reply.status == 307, reply.text
    location = urlsplit(str(reply.headers["location"]))
    assert f"{location.scheme}://{location.netloc}" == browser.person.url
    return parse_qs(location.query).get("error", [""])[0]


async def test_a_state_works_once(bob: Person, birds: OAuthMcpServer) -> None:
    browser = Browser(bob)
    url = await browser.consent(await browser.begin(CLIENT))
    assert await open_callback(browser, url) == ""
    assert await open_callback(browser, url) == INVALID
    assert await is_authenticated(bob, "birds")


async def test_a_forged_state_is_refused(bob: Person, birds: OAuthMcpServer) -> None:
    browser = Browser(bob)
    url = await browser.consent(await browser.begin(CLIENT))
    state = read_query(url)["state"]
    for forged in ("", "x" * 43, state[:-1] + ("a" if state[-1] != "a" else "b"), "x" * 5_000, "%00", "%FF"):
        assert await open_callback(browser, url.replace(state, forged)) == INVALID
    assert await open_callback(browser, url.split("?")[0]) == INVALID
    assert not await is_authenticated(bob, "birds")
    assert await open_callback(browser, url) == "", "the true one still works"


async def test_a_state_expires(bob: Person, birds: OAuthMcpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser(bob)
    monkeypatch.setattr(authorization_states, "LIFETIME", -1)
    url = await browser.consent(await browser.begin(CLIENT))
    assert await open_callback(browser, url) == INVALID


async def test_a_state_belongs_to_its_server(bob: Person, birds: OAuthMcpServer) -> None:
    browser = Browser(bob)
    url = await browser.consent(await browser.begin(CLIENT))
    assert await open_callback(browser, url.replace(CLIENT, "mcp:ducks")) == INVALID
    assert not await is_authenticated(bob, "ducks")


async def test_a_link_of_one_user_gets_nothing_from_another(ada: Person, bob: Person, birds: OAuthMcpServer) -> None:
    """A user who sends the link to the authorization server to another one would get a token for their account."""
    begun = await Browser(bob).begin(CLIENT)
    victim = Browser(ada)
    assert await open_callback(victim, await victim.consent(begun)) == INVALID
    visitor = Browser(ada)
    visitor.cookies.clear()
    begun = await Browser(bob).begin(CLIENT)
    assert await open_callback(visitor, await visitor.consent(begun)) == INVALID
    assert not await is_authenticated(bob, "birds") and not await is_authenticated(ada, "birds")


async def test_a_browser_in_which_another_user_signed_in_meanwhile_is_refused(
    ada: Person, bob: Person, birds: OAuthMcpServer
) -> None:
    browser = Browser(bob)
    url = await browser.consent(await browser.begin(CLIENT))
    browser.cookies["token"] = ada.token or ""
    error = "OAuth callback failed: OAuth callback user does not match authenticated session"
    assert await open_callback(browser, url) == error
    assert not await is_authenticated(bob, "birds") and not await is_authenticated(ada, "birds")


async def test_a_user_who_may_no_longer_use_the_server_is_refused(
    ada: Person, bob: Person, birds: OAuthMcpServer
) -> None:
    browser = Browser(bob)
    url = await browser.consent(await browser.begin(CLIENT))
    change = {"role": "pending", "name": "Bob", "email": "bob@example.com", "profile_image_url": "/user.png"}
    (await ada.post(f"/api/v1/users/{bob.id}/update", change)).ok()
    assert await open_callback(browser, url) == "OAuth callback failed: OAuth callback user is not authorized"


async def test_what_the_authorization_server_says_is_shown(bob: Person, birds: OAuthMcpServer) -> None:
    browser = Browser(bob)

    async def come_back(query: str) -> str:
        state = read_query(await browser.begin(CLIENT))["state"]
        return await open_callback(browser, f"{bob.url}/oauth/clients/{CLIENT}/callback?state={state}&{query}")

    denied = "error=access_denied&error_description=The+user%0Asaid+no"
    assert await come_back(denied) == "OAuth callback failed: access_denied: The user said no"
    unknown_code = "OAuth callback failed: invalid_grant: authorization code does not exist"
    assert await come_back("code=nothing") == unknown_code
    assert await come_back("") == "OAuth callback failed: Missing expected key 'code' in OAuth response"
    assert len(await come_back(f"error={'x' * 1000}")) == 200
    other = f"code=1&iss={bob.url}"
    assert await come_back(other) == "OAuth callback failed: the response is that of another authorization server"


async def test_a_user_begins_a_limited_number_of_authorizations(
    bob: Person, server: Server, birds: OAuthMcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorization_states, "_MAX_STATES", 3)
    browser = Browser(bob)
    urls = [await browser.consent(await browser.begin(CLIENT)) for _ in range(5)]
    errors: list[Any] = [await open_callback(browser, url) for url in urls]
    assert errors.count("") == 3


async def test_another_process_finishes_an_authorization(start_server: Any) -> None:
    birds = OAuthMcpServer()
    async with birds.run():
        async with start_server() as first:
            ada = await first.sign_up("Ada")
            await connect(ada, build_connection("birds", birds.url, await register(ada, "birds", birds.url)))
            browser = Browser(ada)
            url = await browser.consent(await browser.begin(CLIENT))
        async with start_server() as second:
            browser.person = Person(second.url, ada.token, ada.account)
            second.people.append(browser.person)
            assert await open_callback(browser, url.replace(first.url, second.url)) == ""
            assert await is_authenticated(browser.person, "birds")
