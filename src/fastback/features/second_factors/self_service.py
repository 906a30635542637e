"""What signed-in users do with their second factor: see its status, replace it, and replace the recovery codes."""

from __future__ import annotations

import time
from typing import Any

from fastback.access.events import SessionsRevoked
from fastback.access.identity import Identity
from fastback.access.second_factor_policy import is_second_factor_required
from fastback.config import Config
from fastback.config.keys.auth import AUTH_MFA_ENABLE
from fastback.features.second_factors.accounts import FactorAccounts
from fastback.features.second_factors.challenges import CHALLENGE_SECONDS, create_challenge
from fastback.features.second_factors.code_verification import CodeVerifier
from fastback.features.second_factors.codes import SubmittedCode, generate_recovery_codes
from fastback.features.second_factors.schemas import FactorStatus
from fastback.features.second_factors.security_log import SecurityLog
from fastback.features.second_factors.state import FactorState
from fastback.features.second_factors.store import FactorAccount
from fastback.features.sessions.schemas import NextStep
from fastback.kit.bus import Bus
from fastback.kit.http.errors import Forbidden

_REAUTHENTICATE = "reauthentication_required"
_DISABLED = "MFA is disabled."


class SelfService:
    """Shows and changes the second factor of the requester; a change needs a recent sign-in and a code."""

    def __init__(
        self,
        *,
        config: Config,
        bus: Bus,
        accounts: FactorAccounts,
        verifier: CodeVerifier,
        security_log: SecurityLog,
    ) -> None:
        self._config = config
        self._bus = bus
        self._accounts = accounts
        self._verifier = verifier
        self._log = security_log

    async def get_status(self, identity: Identity) -> FactorStatus:
        """Return whether the requester has, and needs, a second factor."""
        state = (await self._accounts.get(identity.user.id)).state or FactorState()
        method = str((identity.claims or {}).get("auth_method", ""))
        return FactorStatus(
            state.secret is not None, is_second_factor_required(self._config, method), len(state.recovery_hashes)
        )

    async def start_replacement(self, identity: Identity, code: SubmittedCode) -> NextStep:
        """Return the enrolment of another authenticator; the current one stays valid until it ends.

        Raises:
            HttpError: 403, the sign-in was not just now; 401, the code is wrong or was used.
        """
        claims = _require_recent_sign_in(identity)
        account, state = await self._confirm_requester(identity, claims, code)
        challenge = create_challenge(account, "replace", method=claims["auth_method"], auth_time=claims["auth_time"])
        state.manage_challenge = challenge.challenge
        await self._accounts.save(account, state)
        await self._verifier.record_recovery(account, code)
        return challenge.describe()

    async def regenerate_recovery_codes(self, identity: Identity, code: SubmittedCode) -> list[str]:
        """Return new recovery codes in place of all earlier ones, and end all sessions of the requester.

        Raises:
            HttpError: as `start_replacement`.
        """
        claims = _require_recent_sign_in(identity)
        account, state = await self._confirm_requester(identity, claims, code)
        recovery = generate_recovery_codes()
        state.recovery_hashes = recovery.hashes
        state.end_challenges()
        await self._accounts.save(account, state, revoke_sessions=True)
        await self._bus.publish(SessionsRevoked(account.id))
        await self._log.record("auth.mfa.recovery_codes_regenerated", account.id, client=code.client)
        return recovery.codes

    async def _confirm_requester(
        self, identity: Identity, claims: dict[str, Any], code: SubmittedCode
    ) -> tuple[FactorAccount, FactorState]:
        """Return the requester's account and its second factor, in which the code is used."""
        if not self._config.get_bool(AUTH_MFA_ENABLE):
            raise Forbidden(_DISABLED)
        account = await self._accounts.limit_attempts(
            identity.user.id, "factor", session_stamp=claims.get("session_stamp")
        )
        state = account.state or FactorState()
        await self._verifier.use_code(account, state, code)
        return account, state


def _require_recent_sign_in(identity: Identity) -> dict[str, Any]:
    """Return the claims of the session of a person who signed in just now.

    Raises:
        Forbidden: it was longer ago.
    """
    claims = identity.claims or {}
    if int(time.time()) - int(claims.get("auth_time") or 0) > CHALLENGE_SECONDS:
        raise Forbidden(_REAUTHENTICATE)
    return claims
