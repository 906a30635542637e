"""The response to a sign-in, the same for every method."""

from __future__ import annotations

import time

from fastback.features.sessions.cookies import build_session_cookie
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.http.body import WithHeaders
from fastback.settings import Settings


def build_sign_in_response(settings: Settings, result: Session | NextStep) -> WithHeaders[Session | NextStep]:
    """Return the response to a sign-in, with the cookie of the session if it is complete."""
    if isinstance(result, NextStep):
        return WithHeaders(result, [])
    max_age = None if result.expires_at is None else result.expires_at - int(time.time())
    return WithHeaders(result, [(b"set-cookie", build_session_cookie(settings, result.token, max_age=max_age))])
