"""Sign-in at an OpenID provider: from the button on the page to the session, and what is stored of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from conftest import Person, Server
from fastback.features.oauth_sessions.service import OAuthSessions
from fastback.features.users import store as users
from fastback.kit.db import Database
from oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    PICTURE,
    Browser,
    FakeProvider,
    build_environment,
    read_error,
    serve_provider,
)

LOGIN_FAILED = "Sign-in with your identity provider failed. Please contact your administrator for assistance."
EMAIL_TAKEN = (
    "Uh-oh! This email is already registered. Sign in with your existing account or choose another email to start anew."
)
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
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
    changes = {"OAUTH_PROVIDER_NAME": "Club", "ENABLE_RAG_LOCAL_WEB_FETCH": "true", **environment_changes}
    return build_environment(provider, **changes)


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.url)


async def _load_session(server: Server, browser: Browser) -> dict[str, Any]:
    """Return what the page loads with the token of the cookie."""
    person = Person(server.url, browser.cookies["token"])
    server.people.append(person)
    session: dict[str, Any] = (await person.get("/api/v1/auths/")).ok()
    return session


async def _become(server: Server, browser: Browser) -> Person:
    person = Person(server.url, browser.cookies["token"], await _load_session(server, browser))
    server.people.append(person)
    return person


async def test_the_first_person_signs_up_and_is_the_administrator(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    config = (await server.stranger().get("/api/config")).ok()
    assert config["oauth"] == {"providers": {"oidc": "Club"}, "auto_redirect": False}
    reply = await browser.get("/oauth/oidc/login")
    assert reply.status == 302
    query = parse_qs(urlsplit(reply.headers["location"]).query)
    assert query["redirect_uri"] == [f"{server.url}/oauth/oidc/callback"]
    assert (query["client_id"], query["response_type"]) == ([CLIENT_ID], ["code"])
    assert query["scope"] == ["openid email profile"]
    assert len(query["state"][0]) >= 20 and len(query["nonce"][0]) >= 20
    assert "code_challenge" not in query
    cookie = browser.set_cookies["owui-session"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and query["nonce"][0] not in cookie
    back = await browser.get(reply.headers["location"])
    reply = await browser.get(back.headers["location"])
    assert (reply.status, reply.headers["location"]) == (307, f"{server.url}/auth")
    assert reply.headers["cache-control"] == "no-store"
    assert "owui-session" not in browser.cookies
    assert "HttpOnly" not in browser.set_cookies["token"]  # the page reads it
    assert "HttpOnly" in browser.set_cookies["oauth_session_id"] and "HttpOnly" in browser.set_cookies["oauth_id_token"]
    assert "Max-Age=2419" in browser.set_cookies["token"]
    session = await _load_session(server, browser)
    assert (session["email"], session["name"], session["role"]) == ("ada@example.com", "Ada Lovelace", "admin")
    assert provider.list_requests("/userinfo") == []  # the ID token says everything
    stored = await server.services.get(OAuthSessions).find(browser.cookies["oauth_session_id"])
    assert stored is not None
    assert (stored.provider, stored.user_id) == ("oidc", session["id"])
    assert stored.token["access_token"].startswith("at-") and stored.token["userinfo"]["sub"] == "ada-1"
    raw = await users.find_json_column(server.services.get(Database), session["id"], "oauth")
    assert raw is not None and msgspec.json.decode(raw) == {"oidc": {"sub": "ada-1"}}
    # No password fits the account.
    reply = await server.stranger().post("/api/v1/auths/signin", {"email": session["email"], "password": ""})
    reply.refused(400)


async def test_a_person_signs_in_again_and_others_sign_up(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    await browser.sign_in()
    first = await _load_session(server, browser)
    again = Browser(server.url)
    provider.claims["name"] = "Ada King"
    await again.sign_in()
    second = await _load_session(server, again)
    assert (second["id"], second["name"]) == (first["id"], "Ada Lovelace")
    provider.claims = {"sub": "77", "email": "bob@example.com"}
    other = Browser(server.url)
    await other.sign_in()
    third = await _load_session(server, other)
    assert (third["role"], third["name"], third["email"]) == ("pending", "bob@example.com", "bob@example.com")
    assert len(provider.list_requests("/userinfo")) == 1  # the name is missing in the ID token
    assert len(provider.list_requests("/.well-known/openid-configuration")) == 1
    assert len(provider.list_requests("/jwks")) == 1
    await asyncio.gather(*(Browser(server.url).sign_in() for _ in range(3)))
    sessions = await server.services.get(OAuthSessions).list_of_user(third["id"])
    assert len(sessions) == 4


@pytest.mark.parametrize("environment_changes", [{"OAUTH_MAX_SESSIONS_PER_USER": "2"}])
async def test_sessions_at_a_provider_are_limited(server: Server, browser: Browser) -> None:
    for _ in range(4):
        await browser.sign_in()
    user_id = (await _load_session(server, browser))["id"]
    sessions = await server.services.get(OAuthSessions).list_of_user(user_id)
    assert len(sessions) == 2
    assert browser.cookies["oauth_session_id"] in {session.id for session in sessions}


async def test_two_first_sign_ins_of_one_person_make_one_account(server: Server) -> None:
    browsers = [Browser(server.url) for _ in range(4)]
    replies = await asyncio.gather(*(browser.sign_in() for browser in browsers))
    assert {reply.headers["location"] for reply in replies} == {f"{server.url}/auth"}
    sessions = [await _load_session(server, browser) for browser in browsers]
    assert len({session["id"] for session in sessions}) == 1
    assert sessions[0]["role"] == "admin"


async def test_several_tabs_sign_in(server: Server, browser: Browser) -> None:
    first, second = await browser.begin(), await browser.begin()
    assert (await browser.get(second)).headers["location"] == f"{server.url}/auth"
    assert (await browser.get(first)).headers["location"] == f"{server.url}/auth"


@pytest.mark.parametrize("path", ["/oauth/oidc/callback", "/oauth/oidc/login/callback"])
async def test_both_callbacks_complete_a_sign_in(server: Server, browser: Browser, path: str) -> None:
    location = urlsplit(await browser.begin())
    assert (await browser.get(f"{path}?{location.query}")).headers["location"] == f"{server.url}/auth"


@pytest.mark.parametrize(
    "environment_changes",
    [
        {
            "OAUTH_CODE_CHALLENGE_METHOD": "S256",
            "OAUTH_TOKEN_ENDPOINT_AUTH_METHOD": "client_secret_post",
            "OAUTH_AUDIENCE": "https://api.example.com",
            "OAUTH_AUTHORIZE_PARAMS": '{"prompt": "login", "max_age": 5, "state": "forged", "nonce": "forged"}',
            "OPENID_REDIRECT_URI": "https://chat.example.com/oauth/oidc/callback",
            "OAUTH_AUTO_REDIRECT": "true",
            "WEBUI_URL": "https://chat.example.com/",
            "ENABLE_OAUTH_ID_TOKEN_COOKIE": "false",
            "WEBUI_SESSION_COOKIE_SAME_SITE": "none",
            "WEBUI_SESSION_COOKIE_SECURE": "true",
        }
    ],
)
async def test_pkce_and_the_other_settings_of_requests(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    assert (await server.stranger().get("/api/config")).ok()["oauth"]["auto_redirect"] is True
    location = urlsplit(await browser.begin())
    assert "SameSite=none" in browser.set_cookies.get("owui-session", "SameSite=none")
    assert location.hostname == "chat.example.com"
    request = provider.list_requests("/authorize")[0]
    assert request["code_challenge_method"] == "S256" and request["audience"] == "https://api.example.com"
    assert (request["prompt"], request["max_age"]) == ("login", "5")
    assert "forged" not in request["state"] + request["nonce"]
    reply = await browser.get(f"/oauth/oidc/callback?{location.query}")
    assert reply.headers["location"] == "https://chat.example.com/auth"
    assert "oauth_id_token" not in browser.set_cookies
    assert "Secure" in browser.set_cookies["token"]
    token_request = provider.list_requests("/token")[0]
    assert token_request["client_secret"] == CLIENT_SECRET and len(token_request["code_verifier"]) >= 43


@pytest.mark.parametrize("environment_changes", [{"OAUTH_ACCESS_TOKEN_REQUEST_INCLUDE_CLIENT_ID": "true"}])
async def test_the_client_is_also_named_in_the_form(provider: FakeProvider, browser: Browser) -> None:
    await browser.sign_in()
    request = provider.list_requests("/token")[0]
    assert request["client_id"] == CLIENT_ID and request["authorization"].startswith("Basic ")


async def test_sign_up_can_be_closed(server: Server, ada: Person, provider: FakeProvider, browser: Browser) -> None:
    (await ada.post(CONFIG, {"ENABLE_OAUTH_SIGNUP": False})).ok()
    assert read_error(await browser.sign_in()) == PROHIBITED
    (await ada.post(CONFIG, {"ENABLE_OAUTH_SIGNUP": True})).ok()
    assert read_error(await browser.sign_in()) == EMAIL_TAKEN  # Ada's address
    assert "token" not in browser.cookies
    (await ada.post(CONFIG, {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": True})).ok()
    await browser.sign_in()
    assert (await _load_session(server, browser))["id"] == ada.id
    (await ada.post(CONFIG, {"OAUTH_MERGE_ACCOUNTS_BY_EMAIL": False})).ok()
    provider.claims["email"] = "new@example.com"
    await browser.sign_in()  # by the subject now
    assert (await _load_session(server, browser))["id"] == ada.id
    (await ada.post(CONFIG, {"ENABLE_OAUTH": False})).ok()
    assert (await browser.get("/oauth/oidc/login")).refused(404) == "Not Found"
    assert (await browser.get("/oauth/oidc/callback")).refused(404) == "Not Found"
    assert (await server.stranger().get("/api/config")).ok()["oauth"]["providers"] == {}


async def test_unknown_providers_are_not_found(browser: Browser) -> None:
    for path in ("/oauth/google/login", "/oauth/nowhere/login", "/oauth/google/callback", "/oauth/x/login/callback"):
        assert (await browser.get(path)).refused(404) == "Not Found"


async def test_only_allowed_domains_sign_in(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    (await ada.post(CONFIG, {"OAUTH_ALLOWED_DOMAINS": "example.org, example.net"})).ok()
    provider.claims = {"sub": "b", "email": "bob@EXAMPLE.com", "name": "Bob"}
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    provider.claims["email"] = "Bob@Example.NET"
    await browser.sign_in()
    assert (await _load_session(server, browser))["email"] == "bob@example.net"


async def test_name_address_and_picture_follow_the_provider(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    switches = ("OAUTH_UPDATE_NAME_ON_LOGIN", "OAUTH_UPDATE_EMAIL_ON_LOGIN", "OAUTH_UPDATE_PICTURE_ON_LOGIN")
    (await ada.post(CONFIG, dict.fromkeys(switches, True))).ok()
    provider.claims = {"sub": "b", "email": "bob@example.net", "name": "Bob", "picture": f"{provider.url}/picture.png"}
    await browser.sign_in()
    bob = await _become(server, browser)
    picture = await ada.get(f"/api/v1/users/{bob.id}/profile/image")
    assert picture.body == PICTURE
    assert provider.list_requests("/picture.png")[0]["authorization"].startswith("Bearer at-")  # the provider's own
    provider.claims |= {"name": "Robert", "email": "Robert@Example.net"}
    del provider.claims["picture"]
    await browser.sign_in()
    session = await _load_session(server, browser)
    assert (session["id"], session["name"], session["email"]) == (bob.id, "Robert", "robert@example.net")
    assert session["profile_image_url"] == "/user.png"
    provider.claims["email"] = ada.account["email"]  # taken
    await browser.sign_in()
    assert (await _load_session(server, browser))["email"] == "robert@example.net"


async def test_an_access_token_goes_to_no_foreign_host(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    async with serve_provider() as other:
        provider.claims = {"sub": "b", "email": "b@example.net", "name": "B", "picture": f"{other.url}/picture.png"}
        await browser.sign_in()
        assert [request["authorization"] for request in other.list_requests("/picture.png")] == [""]
        other.replies["/picture.png"] = (200, b"<svg/>")
        provider.claims |= {"sub": "c", "email": "c@example.net"}
        await browser.sign_in()
        assert (await _load_session(server, browser))["profile_image_url"] == "/user.png"


async def test_roles_come_from_nested_claims(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    settings = {
        "ENABLE_OAUTH_ROLE_MANAGEMENT": True,
        "OAUTH_ROLES_CLAIM": "realm.access.roles",
        "OAUTH_ALLOWED_ROLES": "staff,7",
        "OAUTH_ADMIN_ROLES": "boss",
    }
    (await ada.post(CONFIG, settings)).ok()
    provider.claims = {"sub": "b", "email": "bob@example.net", "name": "Bob"}

    async def sign_in_with(claims: dict[str, Any]) -> str:
        provider.id_claims = claims
        reply = await browser.sign_in()
        if "error" in reply.headers["location"]:
            return read_error(reply)
        return str((await _load_session(server, browser))["role"])

    assert await sign_in_with({"realm": {"access": {"roles": ["guest"]}}}) == PROHIBITED
    assert await sign_in_with({}) == "pending"
    assert await sign_in_with({"realm": {"access": {"roles": ["guest", "staff"]}}}) == "user"
    assert await sign_in_with({"realm": {"access": {"roles": "staff, boss"}}}) == "admin"
    assert await sign_in_with({"realm": "odd"}) == "admin"  # no claim: the role stays
    assert await sign_in_with({"realm.access.roles": "staff"}) == "user"
    assert await sign_in_with({"realm": {"access": {"roles": 7}}}) == "user"
    assert await sign_in_with({"realm": {"access": {"roles": ["guest", 7]}}}) == "user"
    assert await sign_in_with({"realm": {"access": {"roles": [{"a": 1}]}}}) == PROHIBITED
    (await ada.post(CONFIG, {"OAUTH_ALLOWED_ROLES": "*"})).ok()
    assert await sign_in_with({"realm": {"access": {"roles": ["guest"]}}}) == "user"


async def _list_group_names(person: Person) -> set[str]:
    return {group["name"] for group in (await person.get("/api/v1/users/groups")).ok()}


async def test_groups_come_from_claims(server: Server, ada: Person, provider: FakeProvider, browser: Browser) -> None:
    for name in ("chess", "rowing", "secret-1", "hand-made"):
        (await ada.post("/api/v1/groups/create", {"name": name, "description": ""})).ok()
    settings = {
        "ENABLE_OAUTH_GROUP_MANAGEMENT": True,
        "OAUTH_GROUP_CLAIM": "club.groups",
        "OAUTH_BLOCKED_GROUPS": '["secret-*", "^hand-(made|drawn)$", "(((", "(a+)+$"]',
        "ENABLE_OAUTH_ROLE_MANAGEMENT": True,
        "OAUTH_ALLOWED_ROLES": "*",
    }
    (await ada.post(CONFIG, settings)).ok()
    provider.claims = {"sub": "b", "email": "bob@example.net", "name": "Bob", "roles": "any"}
    provider.id_claims = {"club": {"groups": ["chess", "rowing", "secret-1", "hand-made", "new", 5, None]}}
    await browser.sign_in()
    bob = await _become(server, browser)
    assert await _list_group_names(bob) == {"chess", "rowing"}
    # Blocked groups are joined by hand, and sign-ins leave them alone.
    groups = {group["name"]: group["id"] for group in (await ada.get("/api/v1/groups/")).ok()}
    (await ada.post(f"/api/v1/groups/id/{groups['hand-made']}/users/add", {"user_ids": [bob.id]})).ok()
    provider.id_claims = {"club": {"groups": "rowing; chess;"}}
    await browser.sign_in()
    assert await _list_group_names(bob) == {"chess", "rowing", "hand-made"}
    (await ada.post(CONFIG, {"ENABLE_OAUTH_GROUP_CREATION": True, "OAUTH_GROUP_DEFAULT_SHARE": "members"})).ok()
    provider.id_claims = {"club": {"groups": ["rowing", "new", "secret-2", "a" * 300, "a" * 40 + "!"]}}
    started = time.monotonic()
    await browser.sign_in()
    assert time.monotonic() - started < 2
    assert await _list_group_names(bob) == {"rowing", "new", "hand-made", "a" * 40 + "!"} or await _list_group_names(
        bob
    ) == {"rowing", "new", "hand-made"}
    created = next(group for group in (await ada.get("/api/v1/groups/")).ok() if group["name"] == "new")
    assert created["data"] == {"config": {"share": "members"}}
    assert created["description"] == "Group 'new' created automatically via OAuth."
    assert created["user_id"] == ada.id and created["permissions"]["chat"]
    provider.id_claims = {"club": {"groups": []}}  # no groups: nothing changes
    await browser.sign_in()
    assert "new" in await _list_group_names(bob)


async def test_the_userinfo_endpoint_completes_the_id_token(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.id_claims = {"email": None, "name": None}
    await browser.sign_in()
    session = await _load_session(server, browser)
    assert (session["email"], session["name"]) == ("ada@example.com", "Ada Lovelace")
    # A response about another person is not used.
    provider.user_info = {"sub": "eve", "email": "eve@example.com", "name": "Eve"}
    assert read_error(await Browser(server.url).sign_in()) == LOGIN_FAILED


@pytest.mark.parametrize(
    "environment_changes",
    [{"OAUTH_SUB_CLAIM": "oid", "OAUTH_EMAIL_CLAIM": "upn", "OAUTH_USERNAME_CLAIM": "nick", "OAUTH_PICTURE_CLAIM": ""}],
)
async def test_claims_may_have_other_names(server: Server, provider: FakeProvider, browser: Browser) -> None:
    provider.id_claims = {"oid": "7-7", "upn": "A@Example.com", "nick": "Countess"}
    await browser.sign_in()
    session = await _load_session(server, browser)
    assert (session["email"], session["name"]) == ("a@example.com", "Countess")
    raw = await users.find_json_column(server.services.get(Database), session["id"], "oauth")
    assert raw is not None and msgspec.json.decode(raw) == {"oidc": {"sub": "7-7"}}


@pytest.mark.parametrize("environment_changes", [{"ENABLE_OAUTH_EMAIL_FALLBACK": "true"}])
async def test_an_address_is_made_up_where_the_settings_say_so(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.claims = {"sub": "ADA-1", "name": "Ada"}
    await browser.sign_in()
    assert (await _load_session(server, browser))["email"] == "oidc@ada-1.local"


async def test_a_pending_account_waits_and_a_deactivated_one_is_refused(
    server: Server, ada: Person, provider: FakeProvider, browser: Browser
) -> None:
    provider.claims = {"sub": "b", "email": "bob@example.net", "name": "Bob"}
    await browser.sign_in()
    session = await _load_session(server, browser)
    assert session["role"] == "pending"
    database = server.services.get(Database)
    await database.execute("test", "UPDATE auth SET active = FALSE WHERE id = :id", id=session["id"])
    assert read_error(await browser.sign_in()) == "Invalid authentication request."
