"""Verification of codes: of the enrolled authenticator, or recovery codes. Each is accepted once."""

from __future__ import annotations

from fastback.features.second_factors.authenticators import Authenticators
from fastback.features.second_factors.codes import SubmittedCode, hash_token
from fastback.features.second_factors.security_log import SecurityLog
from fastback.features.second_factors.state import FactorState
from fastback.features.second_factors.store import FactorAccount
from fastback.kit.http.errors import Unauthorized

_WRONG_CODE = "Invalid or already used code."


class CodeVerifier:
    """Verifies codes and records the outcome."""

    def __init__(self, authenticators: Authenticators, security_log: SecurityLog) -> None:
        self._authenticators = authenticators
        self._log = security_log

    async def use_code(self, account: FactorAccount, state: FactorState, code: SubmittedCode) -> None:
        """Mark a code as used, in place; the caller stores the state.

        Raises:
            Unauthorized: the code is wrong or was used.
        """
        is_valid = _use_recovery_code(state, code) if code.is_recovery else await self._use_time_step(state, code)
        if not is_valid:
            await self._log.record("auth.mfa.failed", account.id, client=code.client)
            raise Unauthorized(_WRONG_CODE)

    async def record_recovery(self, account: FactorAccount, code: SubmittedCode) -> None:
        """Record the use of a recovery code; an ordinary code is no event."""
        if code.is_recovery:
            await self._log.record("auth.mfa.recovery_used", account.id, client=code.client)

    async def _use_time_step(self, state: FactorState, code: SubmittedCode) -> bool:
        """Mark the time step of a code as used, in place; return False where the code is wrong or was used."""
        if state.secret is None:
            return False
        step = await self._authenticators.find_time_step(state.secret, code.code.strip(), after=state.last_step)
        if step is None:
            return False
        state.last_step = step
        return True


def _use_recovery_code(state: FactorState, code: SubmittedCode) -> bool:
    """Remove a recovery code, in place; return False where there is no such code."""
    digest = hash_token(code.code.strip().lower())
    if digest not in state.recovery_hashes:
        return False
    state.recovery_hashes.remove(digest)
    return True
