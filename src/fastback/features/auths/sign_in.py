"""The end of the first step of a sign-in, the same for every method: password, trusted header, LDAP, OAuth."""

from __future__ import annotations

from fastback.access import credential_store
from fastback.access.credential_store import Credential
from fastback.access.second_factor_policy import is_second_factor_required
from fastback.config import Config
from fastback.config.keys.auth import AUTH_MFA_ENABLE
from fastback.features.second_factors.service import SecondFactors
from fastback.features.sessions.issuing import SessionIssuer
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError, Unauthorized


class SignIn:
    """Completes sign-ins, with a session or with the step that must follow."""

    def __init__(self, *, db: Database, config: Config, sessions: SessionIssuer, second_factors: SecondFactors) -> None:
        self._db = db
        self._config = config
        self._sessions = sessions
        self._second_factors = second_factors

    async def complete(
        self, account: Credential, method: str, *, oauth_session_id: str | None = None, provider: str | None = None
    ) -> Session | NextStep:
        """Return the session of a person who proved that an account is theirs, or the step that must follow.

        Raises:
            Unauthorized: the account was deactivated.
            HttpError: 409, the credential changed at the same time.
        """
        current = await credential_store.find_credential(self._db, account.id)
        if current is None or not current.active:
            raise Unauthorized("Invalid authentication request.")
        if (current.session_stamp, current.password) != (account.session_stamp, account.password):
            raise HttpError(409, "Authentication changed. Please sign in again.")
        if self._config.get_bool(AUTH_MFA_ENABLE) and current.role not in ("admin", "user"):
            return NextStep("pending")
        if is_second_factor_required(self._config, method):
            return await self._second_factors.begin_sign_in(
                current, method, oauth_session_id=oauth_session_id, provider=provider
            )
        return await self._sessions.issue(current, method=method)
