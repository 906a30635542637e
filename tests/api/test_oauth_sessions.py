"""Sessions of users at OAuth providers: stored encrypted as Open WebUI stores them, limited, and renewed once."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from conftest import REDIS, Person, Server
from fastback.features.oauth_sessions import store
from fastback.features.oauth_sessions.renewal import RenewalFailed, RenewalLocks, RenewalRefused, TokenRenewal
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions, Token
from fastback.features.oauth_sessions.token_cipher import (
    ClientInfoCipher,
    SessionTokenCipher,
    TokenCipher,
    UndecryptableError,
    derive_key,
)
from fastback.features.oauth_sessions.token_expiry import NEVER, set_token_expiry
from fastback.kit.db import Database
from fastback.kit.redis import Redis

USERS = "/api/v1/users"


def _get_sessions(server: Server) -> OAuthSessions:
    sessions: OAuthSessions = server.services.get(OAuthSessions)
    return sessions


def _make_token(**more: Any) -> Token:
    return {"access_token": "access", "refresh_token": "refresh", "expires_at": int(time.time()) + 3600, **more}


async def test_a_token_is_stored_as_open_webui_stores_it(server: Server, ada: Person) -> None:
    token = _make_token(id_token="ü", userinfo={"sub": "7"})
    session = await _get_sessions(server).create(ada.id, "oidc", token)
    row = await store.find_session(server.services.get(Database), session.id)
    assert row is not None
    assert "access" not in row.token
    assert (row.user_id, row.provider, row.expires_at) == (ada.id, "oidc", token["expires_at"])
    # Open WebUI: the digest of the secret key is a Fernet key, and the token is JSON.
    secret = b"tests-secret-key-of-at-least-32-chars"
    fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret).digest()))
    assert msgspec.json.decode(fernet.decrypt(row.token)) == token
    written = fernet.encrypt(b'{"access_token": "other", "scope": null}').decode()
    await store.update_token(server.services.get(Database), session.id, token=written, expires_at=5, now=6)
    reloaded = await _get_sessions(server).find(session.id)
    assert reloaded is not None
    assert reloaded.token == {"access_token": "other", "scope": None}


async def test_administrators_list_sessions_and_users_delete_their_own(
    server: Server, ada: Person, bob: Person
) -> None:
    sessions = _get_sessions(server)
    session = await sessions.create(bob.id, "github", _make_token())
    await sessions.create(bob.id, "mcp:one/two", _make_token())
    rows = (await ada.get(f"{USERS}/{bob.id}/oauth/sessions")).ok()
    assert {row["provider"] for row in rows} == {"github", "mcp:one/two"}
    assert next(row for row in rows if row["provider"] == "github") == msgspec.to_builtins(session)
    (await bob.get(f"{USERS}/{bob.id}/oauth/sessions")).refused(401)
    assert (await bob.delete("/api/v1/auths/oauth/sessions/mcp:one/two")).ok() is True
    (await bob.delete("/api/v1/auths/oauth/sessions/mcp:one/two")).refused(404)
    (await ada.delete("/api/v1/auths/oauth/sessions/github")).refused(404)
    assert [row["provider"] for row in (await ada.get(f"{USERS}/{bob.id}/oauth/sessions")).ok()] == ["github"]


async def test_only_the_newest_sessions_at_a_provider_remain(server: Server, ada: Person, bob: Person) -> None:
    sessions = _get_sessions(server)
    other = await sessions.create(bob.id, "oidc", _make_token())
    elsewhere = await sessions.create(ada.id, "google", _make_token())
    created = [await sessions.create(ada.id, "oidc", _make_token(number=number), limit=3) for number in range(6)]
    remaining = await sessions.list_of_user(ada.id)
    assert len(remaining) == 4
    assert created[-1].id in {session.id for session in remaining}
    assert elsewhere.id in {session.id for session in remaining}
    assert await sessions.find(other.id) is not None
    assert await sessions.find(other.id, user_id=ada.id) is None
    newest = await sessions.find_newest(ada.id, "google")
    assert newest is not None
    assert newest.id == elsewhere.id


async def test_a_session_of_another_key_is_skipped_and_kept(server: Server, ada: Person) -> None:
    sessions = _get_sessions(server)
    mine = await sessions.create(ada.id, "oidc", _make_token())
    database = server.services.get(Database)
    foreign = await OAuthSessions(database, SessionTokenCipher("another key")).create(ada.id, "oidc", _make_token())
    assert [session.id for session in await sessions.list_of_user(ada.id)] == [mine.id]
    assert await sessions.find(foreign.id) is None
    assert await store.find_session(database, foreign.id) is not None


def test_keys_are_taken_as_they_are_or_digested() -> None:
    key = Fernet.generate_key().decode()
    assert derive_key(key) == key.encode()
    for secret in ("short", "x" * 44, "ü" * 44, key[:-1], key + "="):
        assert Fernet(derive_key(secret)) is not None
        assert derive_key(secret) != secret.encode()
    cipher, other = TokenCipher("a"), ClientInfoCipher("b")
    assert cipher.decrypt(cipher.encrypt({"client_id": "x"})) == {"client_id": "x"}
    for text in (other.encrypt({}), "", "garbage", "ü", Fernet(derive_key("a")).encrypt(b"no json").decode()):
        with pytest.raises(UndecryptableError):
            cipher.decrypt(text)


async def test_the_keys_have_variables_of_their_own(start_server: Any) -> None:
    keys = {"OAUTH_SESSION_TOKEN_ENCRYPTION_KEY": "one", "OAUTH_CLIENT_INFO_ENCRYPTION_KEY": "two"}
    async with start_server(**keys) as server:
        encrypted = server.services.get(SessionTokenCipher).encrypt("x")
        assert TokenCipher("one").decrypt(encrypted) == "x"
        assert TokenCipher("two").decrypt(server.services.get(ClientInfoCipher).encrypt("y")) == "y"


@pytest.mark.parametrize(
    ("response", "lifetime"),
    [
        ({"expires_in": 60}, 60),
        ({"expires_in": "60"}, 60),
        ({"expires_in": 60, "refresh_token": "r"}, 60),
        ({"refresh_token": "r"}, 3600),
        ({"expires_in": "soon", "refresh_token": "r"}, 3600),
        ({"expires_in": [], "expires_at": True, "refresh_token": "r"}, 3600),
    ],
)
def test_the_expiry_of_a_token_is_read_or_assumed(response: Token, lifetime: int) -> None:
    set_token_expiry(response)
    assert abs(response["expires_at"] - time.time() - lifetime) < 2


@pytest.mark.parametrize("response", [{}, {"expires_in": 1e400}, {"expires_in": 10**30}, {"expires_at": 10**30}])
def test_a_token_without_expiry_never_expires(response: Token) -> None:
    set_token_expiry(response)
    assert response["expires_at"] == NEVER


class _Provider:
    """Answers renewals; counts them."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.used: list[str] = []

    async def request_token(self, session: OAuthSession) -> Token:
        self.used.append(session.token["refresh_token"])
        await asyncio.sleep(0.02)
        if self.errors:
            raise self.errors.pop(0)
        return {"access_token": f"renewed {len(self.used)}", "expires_in": 3600}


@pytest.mark.parametrize("shared", [False, pytest.param(True, marks=pytest.mark.skipif(not REDIS, reason="no Redis"))])
async def test_a_token_is_renewed_once_by_many_requests(server: Server, ada: Person, shared: bool) -> None:
    sessions, provider = _get_sessions(server), _Provider()
    session = await sessions.create(ada.id, "oidc", _make_token(expires_at=int(time.time()) + 60))
    redis = [Redis(REDIS, prefix="test-renewal") for _ in range(2)] if shared else [None]
    try:
        renewals = [TokenRenewal(sessions, RenewalLocks(client)) for client in redis]
        tokens = await asyncio.gather(
            *(renewals[number % len(renewals)].get_valid_token(session, provider.request_token) for number in range(6))
        )
    finally:
        for client in redis:
            if client is not None:
                await client.close()
    assert provider.used == ["refresh"]
    assert {token["access_token"] for token in tokens if token} == {"renewed 1"}
    stored = await sessions.find(session.id)
    assert stored is not None
    assert stored.token["refresh_token"] == "refresh"
    assert stored.expires_at > time.time() + 3000
    # The renewed token is valid for long.
    renewal = server.services.get(TokenRenewal)
    assert await renewal.get_valid_token(stored, provider.request_token) == stored.token
    assert len(provider.used) == 1
    assert (await renewal.get_valid_token(stored, provider.request_token, force=True))["access_token"] == "renewed 2"


async def test_a_refused_session_is_deleted_and_an_outage_is_survived(server: Server, ada: Person) -> None:
    sessions, renewal = _get_sessions(server), server.services.get(TokenRenewal)
    soon = await sessions.create(ada.id, "oidc", _make_token(expires_at=int(time.time()) + 60))
    down = _Provider(RenewalFailed("down"))
    assert await renewal.get_valid_token(soon, down.request_token) == soon.token
    assert await renewal.get_valid_token(soon, down.request_token) == soon.token
    assert len(down.used) == 1  # not again within some seconds
    past = await sessions.create(ada.id, "oidc", _make_token(expires_at=int(time.time()) - 60))
    assert await renewal.get_valid_token(past, _Provider(RenewalFailed("down")).request_token) is None
    assert await sessions.find(past.id) is not None
    refused = await sessions.create(ada.id, "oidc", _make_token(expires_at=int(time.time()) - 60))
    assert await renewal.get_valid_token(refused, _Provider(RenewalRefused("over")).request_token) is None
    assert await sessions.find(refused.id) is None


async def test_a_token_that_cannot_be_renewed_is_used_until_it_expires(server: Server, ada: Person) -> None:
    sessions, renewal, provider = _get_sessions(server), server.services.get(TokenRenewal), _Provider()
    soon = await sessions.create(ada.id, "github", {"access_token": "a", "expires_at": int(time.time()) + 60})
    past = await sessions.create(ada.id, "github", {"access_token": "a", "expires_at": int(time.time()) - 60})
    assert await renewal.get_valid_token(soon, provider.request_token) == soon.token
    assert await renewal.get_valid_token(past, provider.request_token) is None
    deleted = await sessions.create(ada.id, "oidc", _make_token(expires_at=0))
    await sessions.delete(deleted.id)
    assert await renewal.get_valid_token(deleted, provider.request_token) is None
    assert provider.used == []
