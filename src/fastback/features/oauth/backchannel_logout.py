"""Back-channel logout: a provider says that a user has signed out there (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from fastback.access import credential_store
from fastback.access.events import SessionsRevoked
from fastback.features.oauth.claims import Claims, read_identifier
from fastback.features.oauth.discovery import Discovery
from fastback.features.oauth.errors import ProviderError
from fastback.features.oauth.providers import Provider, Providers
from fastback.features.oauth.signed_tokens import (
    LEEWAY,
    LOGOUT_EVENT,
    LOGOUT_LIFETIME,
    InvalidToken,
    TokenVerifier,
    has_audience,
    read_unverified,
)
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions
from fastback.features.oauth_sessions.token_expiry import read_seconds
from fastback.features.users import oauth_store
from fastback.kit.bus import Bus
from fastback.kit.db import Database

log = logging.getLogger("fastback.oauth")


class InvalidLogout(Exception):
    """A logout request is invalid; the text is for the provider."""


class BackchannelLogout:
    """Ends the sessions of users that a provider signs out."""

    def __init__(
        self,
        *,
        db: Database,
        bus: Bus,
        providers: Providers,
        discovery: Discovery,
        verifier: TokenVerifier,
        sessions: OAuthSessions,
    ) -> None:
        self._db = db
        self._bus = bus
        self._providers = providers
        self._discovery = discovery
        self._verifier = verifier
        self._sessions = sessions

    async def end_sessions(self, logout_token: str) -> None:
        """End every session of the user that a logout token names. An unknown user is no error.

        Raises:
            InvalidLogout: the token is not valid.
        """
        unverified = read_unverified(logout_token)
        if unverified is None:
            raise InvalidLogout("Malformed logout_token")
        if not unverified.get("iss"):
            raise InvalidLogout("logout_token missing iss claim")
        provider = await self._find_provider(unverified)
        if provider is None:
            raise InvalidLogout("No configured provider matches token issuer")
        try:
            claims = await self._verifier.verify_logout_token(provider, logout_token)
        except InvalidToken as error:
            raise InvalidLogout(f"Invalid logout_token: {error}") from None
        except ProviderError as error:
            log.warning("back-channel logout by %s failed: %s", provider.name, error)
            raise InvalidLogout("Failed to validate logout_token") from None
        _require_logout_claims(claims)
        use = _identify_use(provider, claims)
        if use is not None and await credential_store.is_token_revoked(self._db, use.name):
            raise InvalidLogout("logout_token was used before")
        user_ids = await self._find_users(provider, claims)
        for user_id in user_ids:
            await self._sessions.delete_of_user(user_id)
            await credential_store.revoke_sessions(self._db, user_id)
            await self._bus.publish(SessionsRevoked(user_id))
            log.info("back-channel logout by %s ended the sessions of user %s", provider.name, user_id)
        if use is not None:  # last, so that a provider whose request failed can repeat it
            await credential_store.use_once(self._db, use.name, use.expires_at)
        if not user_ids:
            log.info("back-channel logout by %s: user not found", provider.name)

    async def _find_provider(self, claims: Claims) -> Provider | None:
        """Return the provider with the issuer of a token.

        Those that the token is for come first: others, which may be down, do not delay a valid token.
        """
        providers = self._providers.list_all()
        for provider in sorted(providers, key=lambda provider: not has_audience(claims, provider.client_id)):
            if await self._has_issuer(provider, claims):
                return provider
        return None

    async def _has_issuer(self, provider: Provider, claims: Claims) -> bool:
        """Return whether a provider is the issuer of a token; False where its metadata cannot be fetched."""
        try:
            metadata = await self._discovery.get_metadata(provider)
        except ProviderError as error:
            log.warning("back-channel logout: %s skipped: %s", provider.name, error)
            return False
        return bool(metadata.jwks_uri) and metadata.get_issuer_for(claims) == claims["iss"]

    async def _find_users(self, provider: Provider, claims: Claims) -> set[str]:
        """Return the users that the subject of a token names, or else its session at the provider."""
        subject, session_id = read_identifier(claims, "sub"), read_identifier(claims, "sid")
        if subject:
            user_id = await oauth_store.find_id_by_subject(self._db, provider.name, subject)
            if user_id is not None:
                return {user_id}
        if not session_id:
            return set()
        user_ids: set[str] = set()
        async for sessions in self._sessions.iterate_provider(provider.name):
            user_ids |= {session.user_id for session in sessions if _get_session_id(session) == session_id}
            await asyncio.sleep(0)
        return user_ids


class _Use(NamedTuple):
    """The use of a logout token: a name that tells it apart, and until when it must be remembered (Unix time)."""

    name: str
    expires_at: int


def _identify_use(provider: Provider, claims: Claims) -> _Use | None:
    """Return the use of a token; None where it has no id."""
    token_id = read_identifier(claims, "jti")
    if not token_id:
        return None
    expires_at = read_seconds(claims.get("exp")) or int(time.time()) + LOGOUT_LIFETIME
    return _Use(f"oauth-logout:{provider.name}:{token_id[:255]}", expires_at + LEEWAY)


def _require_logout_claims(claims: Claims) -> None:
    events = claims.get("events")
    if not isinstance(events, dict) or LOGOUT_EVENT not in events:
        raise InvalidLogout("Missing backchannel-logout event claim")
    if "nonce" in claims:
        raise InvalidLogout("logout_token must not contain nonce")
    if not read_identifier(claims, "sub") and not read_identifier(claims, "sid"):
        raise InvalidLogout("logout_token must contain sub or sid")


def _get_session_id(session: OAuthSession) -> str:
    """Return the id of a session at the provider, which an ID token names; empty where none does."""
    claims = session.token.get("userinfo")
    if not isinstance(claims, dict) or "sid" not in claims:
        id_token = session.token.get("id_token")
        claims = read_unverified(id_token) if isinstance(id_token, str) else None
    return read_identifier(claims, "sid") if isinstance(claims, dict) else ""
