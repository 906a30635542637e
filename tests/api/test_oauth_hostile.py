"""Sign-ins with forged, repeated and broken parts: the browser comes back to the sign-in page, and nothing stays."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest

from conftest import Server
from fastback.access import credential_store
from fastback.features.oauth.authorization import Authorization
from fastback.features.oauth.pending_sign_ins import PendingSignIns
from fastback.features.oauth_sessions.token_cipher import TokenCipher
from fastback.features.users import store as users
from fastback.kit.db import Database
from fastback.settings import Settings
from oidc_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    Browser,
    FakeProvider,
    build_environment,
    make_curve_key,
    make_foreign_key,
    make_key,
    read_error,
    serve_provider,
    wait_forever,
)

LOGIN_FAILED = "Sign-in with your identity provider failed. Please contact your administrator for assistance."


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with serve_provider() as running:
        yield running


@pytest.fixture
def environment(provider: FakeProvider) -> dict[str, str]:
    return build_environment(provider, OAUTH_CODE_CHALLENGE_METHOD="S256", OAUTH_TIMEOUT="1")


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.url)


@pytest.fixture(autouse=True)
async def nothing_is_logged_or_left(
    server: Server, provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[None]:
    """No secret reaches a log line, whatever fails."""
    caplog.set_level("DEBUG")
    yield
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("fastback"))
    secrets = [CLIENT_SECRET, *provider.codes, *provider.access_tokens, *provider.refresh_tokens]
    assert [secret for secret in secrets if secret in text] == []


async def _require_nothing_stored(server: Server, browser: Browser) -> None:
    assert not await users.has_users(server.services.get(Database))
    assert "token" not in browser.cookies and "oauth_session_id" not in browser.cookies


async def test_a_state_is_used_once(server: Server, browser: Browser) -> None:
    before = await browser.begin()
    cookies = dict(browser.cookies)
    assert (await browser.get(before)).headers["location"] == f"{server.url}/auth"
    assert read_error(await browser.get(before)) == LOGIN_FAILED  # the cookie is gone
    browser.cookies = cookies  # a copy of the cookie, and a fresh code
    state = parse_qs(urlsplit(before).query)["state"][0]
    assert read_error(await browser.get(f"/oauth/oidc/callback?{urlencode({'code': 'x', 'state': state})}")) == (
        LOGIN_FAILED
    )


async def test_a_state_of_another_browser_is_refused(server: Server, browser: Browser) -> None:
    back = await browser.begin()
    other = Browser(server.url)
    assert read_error(await other.get(back)) == LOGIN_FAILED
    await other.begin()
    assert read_error(await other.get(back)) == LOGIN_FAILED
    await _require_nothing_stored(server, other)


@pytest.mark.parametrize("change", ["cut", "changed", "another key", "expired", "huge", "no JSON"])
async def test_a_forged_or_old_cookie_is_refused(server: Server, browser: Browser, change: str) -> None:
    back = await browser.begin()
    cookie = browser.cookies["owui-session"]
    pending_sign_ins = server.services.get(PendingSignIns)
    entry = pending_sign_ins.read({"owui-session": cookie})[0]
    fields = {"state": entry.state, "provider": "oidc", "redirect_uri": entry.redirect_uri, "expires_at": 2**40}
    key = f"pending sign-ins:{server.services.get(Settings).webui_secret_key}"
    browser.cookies["owui-session"] = {
        "cut": cookie[:-8],
        "changed": f"{cookie[:40]}{'A' if cookie[40] != 'A' else 'B'}{cookie[41:]}",
        "another key": TokenCipher("another").encrypt([fields]),
        "expired": TokenCipher(key).encrypt([{**fields, "expires_at": int(time.time()) - 1}]),
        "huge": "A" * 9000,
        "no JSON": TokenCipher(key).encrypt({"state": entry.state}),
    }[change]
    assert read_error(await browser.get(back)) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)


@pytest.mark.parametrize(
    "query",
    [
        {"error": "access_denied", "error_description": "no\r\nSet-Cookie: x=1"},
        {"state": "forged", "code": "x"},
        {"code": "x"},
        {},
        {"code": ""},
        {"code": "not-a-code"},
        {"iss": "https://evil.example.com"},
    ],
)
async def test_a_wrong_way_back_is_refused(server: Server, browser: Browser, query: dict[str, str]) -> None:
    back = urlsplit(await browser.begin())
    parameters = {name: values[0] for name, values in parse_qs(back.query).items()}
    if query == {"code": "x"} or query == {}:
        parameters = {}
    reply = await browser.get(f"/oauth/oidc/callback?{urlencode({**parameters, **query})}")
    assert read_error(reply) == LOGIN_FAILED
    assert "x=1" not in str(reply.headers)
    await _require_nothing_stored(server, browser)


ID_TOKENS: dict[str, Callable[[FakeProvider], Any]] = {
    "issuer": lambda provider: provider.id_claims.update(iss="https://evil.example.com"),
    "no issuer": lambda provider: provider.id_claims.update(iss=None),
    "audience": lambda provider: provider.id_claims.update(aud="another-client"),
    "audiences": lambda provider: provider.id_claims.update(aud=["another-client", "third"]),
    "no audience": lambda provider: provider.id_claims.update(aud=None),
    "party": lambda provider: provider.id_claims.update(aud=[CLIENT_ID, "x"], azp="x"),
    "nonce": lambda provider: provider.id_claims.update(nonce="replayed"),
    "no nonce": lambda provider: provider.id_claims.update(nonce=None),
    "odd nonce": lambda provider: provider.id_claims.update(nonce=["x"]),
    "expired": lambda provider: provider.id_claims.update(exp=int(time.time()) - 600),
    "no expiry": lambda provider: provider.id_claims.update(exp=None),
    "odd expiry": lambda provider: provider.id_claims.update(exp="tomorrow"),
    "from the future": lambda provider: provider.id_claims.update(iat=int(time.time()) + 9999),
    "not yet valid": lambda provider: provider.id_claims.update(nbf=int(time.time()) + 9999),
    "hash of another access token": lambda provider: provider.id_claims.update(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "no subject": lambda provider: provider.id_claims.update(sub=None),
    "garbage": lambda provider: provider.token_fields.update(id_token="garbage"),
    "long": lambda provider: provider.id_claims.update(picture="x" * 100_000),
    "dots": lambda provider: provider.token_fields.update(id_token="e30.e30.e30"),
    "a number": lambda provider: provider.token_fields.update(id_token=7),
    "no signature": lambda provider: provider.token_fields.update(id_token=_make_unsigned(provider)),
    "unknown algorithm": lambda provider: provider.header.update(alg="RS512"),
    "critical header": lambda provider: provider.header.update(crit=["exp"], exp=1),
}


def _make_unsigned(provider: FakeProvider) -> str:
    from fastback.kit.signing import jwt

    now = int(time.time())
    claims = {"iss": provider.url, "aud": CLIENT_ID, "iat": now, "exp": now + 60, **provider.claims}
    return jwt.encode(claims, None, algorithm="none")


@pytest.mark.parametrize("flaw", ID_TOKENS)
async def test_an_invalid_id_token_is_refused(
    server: Server, provider: FakeProvider, browser: Browser, flaw: str
) -> None:
    ID_TOKENS[flaw](provider)
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.secret = provider.keys[0].as_pem(private=False).decode()
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    provider.metadata["id_token_signing_alg_values_supported"] = ["HS256", "none"]
    assert read_error(await Browser(server.url).sign_in()) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)


@pytest.mark.parametrize("algorithms", [["HS256", "none"], ["HS256", "RS256"]])
async def test_algorithms_with_secrets_are_refused_even_if_the_provider_names_them(
    server: Server, provider: FakeProvider, browser: Browser, algorithms: list[str]
) -> None:
    provider.metadata["id_token_signing_alg_values_supported"] = algorithms
    provider.secret = "a secret that the provider publishes as its key"
    encoded = base64.urlsafe_b64encode(provider.secret.encode()).decode().rstrip("=")
    provider.published_keys = [{"kty": "oct", "kid": "first", "k": encoded}]
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)


async def test_a_token_of_an_unpublished_key_is_refused(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    provider.published_keys = [provider.keys[0].as_dict(private=False)]
    provider.keys = [make_foreign_key()]
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    provider.header["kid"] = "unknown"
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    provider.header["kid"] = 7
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    # Forged tokens cause no storm of requests for keys.
    assert len(provider.list_requests("/jwks")) <= 2
    await _require_nothing_stored(server, browser)


async def test_keys_are_fetched_again_after_a_rotation(
    server: Server, provider: FakeProvider, browser: Browser
) -> None:
    await browser.sign_in()
    provider.rotate_keys()
    assert (await Browser(server.url).sign_in()).headers["location"] == f"{server.url}/auth"
    assert len(provider.list_requests("/jwks")) == 2


@pytest.mark.parametrize("kid", ["curve", None])
async def test_other_algorithms_and_keys_without_names_are_accepted(
    server: Server, provider: FakeProvider, browser: Browser, kid: str | None
) -> None:
    key = make_curve_key()
    provider.keys, provider.algorithm = [key, make_key("first")], "ES256"
    provider.header = {"kid": kid, "client_id": "private parameters are ignored"}
    provider.published_keys = [
        {"kty": "future", "kid": "x"},
        "odd",
        {"kty": "RSA", "kid": "encryption", "use": "enc", "n": "AQAB", "e": "AQAB"},
        *(entry.as_dict(private=False) for entry in provider.keys),
    ]
    assert (await browser.sign_in()).headers["location"] == f"{server.url}/auth"


BROKEN_REPLIES: dict[str, Any] = {
    "down": (503, b"unavailable"),
    "not found": (404, b"{}"),
    "garbage": (200, b"<html>"),
    "a list": (200, []),
    "a text": (200, b'"text"'),
    "ten megabytes": (200, b'{"a": "' + b"x" * (10 * 1024 * 1024) + b'"}'),
    "deep": (200, b"[" * 100_000),
    "many values": (200, b'{"a": [' + b"[]," * 300_000 + b"1]}"),
    "no UTF-8": (200, b'{"a": "\xff"}'),
    "empty": (200, b""),
    "slow": wait_forever,
    "a redirect": (302, b"{}"),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"])
@pytest.mark.parametrize("fault", BROKEN_REPLIES)
async def test_a_broken_provider_is_survived(
    server: Server, provider: FakeProvider, browser: Browser, path: str, fault: str
) -> None:
    provider.replies[path] = BROKEN_REPLIES[fault]
    provider.id_claims = {"name": None}  # so that the userinfo endpoint is asked
    if path == "/.well-known/openid-configuration":
        assert read_error(await browser.get("/oauth/oidc/login")) == LOGIN_FAILED
    else:
        assert read_error(await browser.sign_in()) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)
    del provider.replies[path]
    assert (await browser.sign_in()).headers["location"] == f"{server.url}/auth"


async def test_many_browsers_wait_for_one_request_of_a_slow_provider(server: Server, provider: FakeProvider) -> None:
    provider.replies["/.well-known/openid-configuration"] = wait_forever
    started = time.monotonic()
    replies = await asyncio.gather(*(Browser(server.url).get("/oauth/oidc/login") for _ in range(10)))
    assert {read_error(reply) for reply in replies} == {LOGIN_FAILED}
    assert time.monotonic() - started < 3
    assert len(provider.list_requests("/.well-known/openid-configuration")) == 1


METADATA: dict[str, dict[str, Any]] = {
    "no endpoints": dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), None),
    "odd endpoints": {"authorization_endpoint": ["x"], "token_endpoint": 7},
    "a script": {"authorization_endpoint": "javascript:alert(1)"},
}


@pytest.mark.parametrize("flaw", METADATA)
async def test_invalid_metadata_is_refused(server: Server, provider: FakeProvider, browser: Browser, flaw: str) -> None:
    provider.metadata = METADATA[flaw]
    assert read_error(await browser.get("/oauth/oidc/login")) == LOGIN_FAILED


TOKEN_RESPONSES: dict[str, dict[str, Any]] = {
    "no access token": {"access_token": None},
    "an odd access token": {"access_token": {"a": 1}},
    "an error": {"error": "invalid_grant", "error_description": "secret"},
    "an odd error": {"error": {"a": 1}},
}


@pytest.mark.parametrize("flaw", TOKEN_RESPONSES)
async def test_an_invalid_token_response_is_refused(
    server: Server, provider: FakeProvider, browser: Browser, flaw: str
) -> None:
    provider.token_fields = TOKEN_RESPONSES[flaw]
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)


CLAIMS: dict[str, dict[str, Any]] = {
    "no address": {"email": None},
    "an empty address": {"email": "  "},
    "an odd address": {"email": ["ada@example.com"]},
    "a long address": {"email": "a" * 300 + "@example.com"},
    "an odd subject": {"sub": ["x"]},
    "a long subject": {"sub": "x" * 300},
    "an empty subject": {"sub": ""},
}


@pytest.mark.parametrize("flaw", CLAIMS)
async def test_claims_of_odd_types_are_refused(
    server: Server, provider: FakeProvider, browser: Browser, flaw: str
) -> None:
    provider.claims |= CLAIMS[flaw]
    assert read_error(await browser.sign_in()) == LOGIN_FAILED
    await _require_nothing_stored(server, browser)


async def test_odd_names_and_pictures_are_replaced(server: Server, provider: FakeProvider, browser: Browser) -> None:
    provider.claims |= {"name": {"given": "Ada"}, "picture": "http://169.254.169.254/latest/meta-data"}
    await browser.sign_in()
    database = server.services.get(Database)
    user_id = await users.find_id_by_email(database, "ada@example.com")
    assert user_id is not None
    user = await users.find_user(database, user_id)
    assert user is not None
    assert (user.name, user.profile_image_url) == ("ada@example.com", "/user.png")
    provider.claims |= {
        "sub": "b",
        "email": "b@example.com",
        "name": "n\0" + "x" * 500,
        "picture": "file:///etc/passwd",
    }
    await browser.sign_in()
    user_id = await users.find_id_by_email(database, "b@example.com")
    assert user_id is not None
    user = await users.find_user(database, user_id)
    assert user is not None
    assert len(user.name) <= 255 and user.profile_image_url == "/user.png"


async def test_a_code_verifier_is_needed(server: Server, provider: FakeProvider, browser: Browser) -> None:
    """A code that another party intercepts is of no use: the provider asks for the secret in this server's cookie."""
    back = await browser.begin()
    code = parse_qs(urlsplit(back).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": f"{server.url}/oauth/oidc/callback",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    async with aiohttp.ClientSession() as client, client.post(f"{provider.url}/token", data=form) as response:
        assert response.status == 400


async def test_what_fails_unexpectedly_leads_back_to_the_page(
    server: Server, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: Any, **options: Any) -> Any:
        raise ZeroDivisionError("unexpected")

    back = await browser.begin()
    monkeypatch.setattr(Authorization, "exchange_code", fail)
    assert read_error(await browser.get(back)) == "[ERROR: Error during OAuth process]"


async def test_names_are_used_once_by_one_of_many(server: Server) -> None:
    database = server.services.get(Database)
    expires_at = int(time.time()) + 60
    uses = await asyncio.gather(*(credential_store.use_once(database, "test:x", expires_at) for _ in range(8)))
    assert sorted(uses) == [False] * 7 + [True]
