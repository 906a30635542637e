"""Sign-ins between the two redirects, in an encrypted cookie: any process of the installation completes them.

Open WebUI keeps them in its session cookie of the same name; the two formats differ, and each program ignores the
other's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from fastback.features.oauth_sessions.token_cipher import TokenCipher, UndecryptableError
from fastback.features.sessions.cookies import build_cookie, build_removal_cookie
from fastback.settings import Settings

COOKIE = "owui-session"
#: Seconds that a person may take at the provider.
LIFETIME = 3600
#: Sign-ins in one cookie: several tabs of a browser. The oldest are dropped, as browsers limit the size.
_MAX_PENDING = 4
#: Characters of a cookie that is decrypted.
_MAX_COOKIE = 8192


class PendingSignIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A sign-in that a browser has begun.

    Attributes:
        nonce: what the ID token must repeat; empty where none is requested.
        code_verifier: the secret of PKCE; empty without PKCE.
        expires_at: Unix time.
    """

    state: str
    provider: str
    redirect_uri: str
    expires_at: int
    nonce: str = ""
    code_verifier: str = ""


class PendingSignIns:
    """Reads and writes the cookie."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cipher = TokenCipher(f"pending sign-ins:{settings.webui_secret_key}")

    def read(self, cookies: Mapping[str, str]) -> list[PendingSignIn]:
        """Return the sign-ins of a browser that have not expired, the oldest first."""
        text = cookies.get(COOKIE, "")
        if not text or len(text) > _MAX_COOKIE:
            return []
        try:
            entries = msgspec.convert(self._cipher.decrypt(text), list[PendingSignIn])
        except (UndecryptableError, msgspec.ValidationError):
            return []
        now = time.time()
        return [entry for entry in entries if entry.expires_at > now]

    def build_cookie(self, entries: list[PendingSignIn]) -> bytes:
        """Return the value of a `Set-Cookie` header that stores these sign-ins; without any, it removes the cookie."""
        if not entries:
            return build_removal_cookie(COOKIE)
        return build_cookie(
            self._settings,
            COOKIE,
            self._cipher.encrypt(entries[-_MAX_PENDING:]),
            max_age=LIFETIME,
            same_site=self._settings.webui_session_cookie_same_site,
        )
