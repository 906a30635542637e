"""Second factors of accounts. Not built yet: the policy cannot be switched on."""

from __future__ import annotations

from fastback.access.credential_store import Credential
from fastback.features.sessions.schemas import NextStep
from fastback.kit.http.errors import NotBuilt


class SecondFactors:
    """Challenges people who signed in for the code of their authenticator."""

    async def begin_sign_in(
        self, account: Credential, method: str, *, oauth_session_id: str | None = None, provider: str | None = None
    ) -> NextStep:
        """Return the step that completes a sign-in: enrolling, verifying a code, or recovering."""
        raise NotBuilt("A second factor")
