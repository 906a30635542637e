"""Build the store of sessions at OAuth providers."""

from __future__ import annotations

from fastback.features.oauth_sessions.renewal import RenewalLocks, TokenRenewal
from fastback.features.oauth_sessions.service import OAuthSessions
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher, SessionTokenCipher
from fastback.kit.db import Database
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the `OAuthSessions`, the `TokenRenewal` and both ciphers."""
    settings = services.get(Settings)
    cipher = SessionTokenCipher(settings.session_token_key)
    sessions = OAuthSessions(services.get(Database), cipher)
    locks = RenewalLocks(services.get(Redis) if services.has(Redis) else None)
    services.add(SessionTokenCipher, cipher)
    services.add(ClientInfoCipher, ClientInfoCipher(settings.client_info_key))
    services.add(OAuthSessions, sessions)
    services.add(TokenRenewal, TokenRenewal(sessions, locks))


COMPONENT = Component(name="oauth_sessions", setup=set_up)
