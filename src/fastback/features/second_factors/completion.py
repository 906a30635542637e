"""The end of a sign-in with a second factor: the session, and the cookies that go with it."""

from __future__ import annotations

import msgspec

from fastback.features.oauth_sessions import store as oauth_sessions
from fastback.features.second_factors.challenge_cookie import build_challenge_removal
from fastback.features.second_factors.challenges import PassedChallenge
from fastback.features.second_factors.schemas import EnrolledSession
from fastback.features.sessions.cookies import build_cookie, build_session_cookie
from fastback.features.sessions.issuing import SessionIssuer
from fastback.features.sessions.schemas import Session
from fastback.kit.db import Database
from fastback.kit.http.body import WithHeaders
from fastback.providers.oauth_tokens import SESSION_COOKIE
from fastback.settings import Settings


class SignInCompletion:
    """Issues the sessions of people whose second factor was verified."""

    def __init__(self, *, db: Database, settings: Settings, sessions: SessionIssuer) -> None:
        self._db = db
        self._settings = settings
        self._sessions = sessions

    async def complete(self, passed: PassedChallenge) -> WithHeaders[Session]:
        """Return the response to the second step, with the session's cookies."""
        session = await self._issue(passed)
        return WithHeaders(session, await self._build_cookies(passed, session))

    async def complete_enrolment(self, passed: PassedChallenge) -> WithHeaders[EnrolledSession]:
        """Return the response to an enrolment, like `complete`, with the new recovery codes."""
        session = await self._issue(passed)
        enrolled = EnrolledSession(**msgspec.structs.asdict(session), recovery_codes=passed.recovery_codes)
        return WithHeaders(enrolled, await self._build_cookies(passed, session))

    async def _issue(self, passed: PassedChallenge) -> Session:
        challenge = passed.challenge
        return await self._sessions.issue(
            passed.account, method=challenge.auth_method, mfa_verified=True, auth_time=challenge.auth_time
        )

    async def _build_cookies(self, passed: PassedChallenge, session: Session) -> list[tuple[bytes, bytes]]:
        max_age = self._sessions.get_lifetime()
        cookies = [build_session_cookie(self._settings, session.token, max_age=max_age)]
        oauth_session_id = passed.challenge.oauth_session_id
        if oauth_session_id is not None:
            stored = await oauth_sessions.find_session(self._db, oauth_session_id)
            if stored is not None and stored.user_id == passed.account.id:  # else deleted since the first step
                cookies.append(build_cookie(self._settings, SESSION_COOKIE, oauth_session_id, max_age=max_age))
        cookies.append(build_challenge_removal())
        return [(b"set-cookie", cookie) for cookie in cookies]
