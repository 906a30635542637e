"""The cookie of a challenge: an OAuth sign-in ends in a redirect, which cannot carry the token in its body."""

from __future__ import annotations

from fastback.features.second_factors.challenges import CHALLENGE_SECONDS
from fastback.features.sessions.cookies import build_cookie, build_removal_cookie
from fastback.settings import Settings

CHALLENGE_COOKIE = "mfa_challenge"
_PATH = "/api/v1/auths/mfa"


def build_challenge_cookie(settings: Settings, token: str) -> bytes:
    """Return the value of a `Set-Cookie` header that stores the token of a challenge."""
    return build_cookie(settings, CHALLENGE_COOKIE, token, max_age=CHALLENGE_SECONDS, path=_PATH)


def build_challenge_removal() -> bytes:
    """Return the value of a `Set-Cookie` header that removes the token of a challenge."""
    return build_removal_cookie(CHALLENGE_COOKIE, path=_PATH)
