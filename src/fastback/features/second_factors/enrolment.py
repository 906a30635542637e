"""Enrolment of authenticators: at the first sign-in, in place of another one, and after a reset by the operator."""

from __future__ import annotations

import time

from fastback.access.events import SessionsRevoked
from fastback.features.second_factors.accounts import FactorAccounts
from fastback.features.second_factors.authenticators import Authenticators, AuthenticatorSetup
from fastback.features.second_factors.challenges import Challenges, PassedChallenge, create_challenge
from fastback.features.second_factors.codes import SubmittedCode, generate_recovery_codes, is_token
from fastback.features.second_factors.security_log import SecurityLog
from fastback.features.sessions.schemas import NextStep
from fastback.kit.bus import Bus
from fastback.kit.http.errors import Unauthorized

_WRONG_CODE = "Invalid code. Check your authenticator and try again."
_WRONG_TICKET = "Invalid or expired operator recovery token."


class Enrolment:
    """Enrols authenticators."""

    def __init__(
        self,
        *,
        bus: Bus,
        accounts: FactorAccounts,
        challenges: Challenges,
        authenticators: Authenticators,
        security_log: SecurityLog,
    ) -> None:
        self._bus = bus
        self._accounts = accounts
        self._challenges = challenges
        self._authenticators = authenticators
        self._log = security_log

    async def start(self, token: str) -> AuthenticatorSetup:
        """Return the secret that a person enters in their app: the same again for the same challenge.

        Raises:
            HttpError: as `Challenges.open`; 409, another request changed the account.
        """
        opened = await self._challenges.open(token, "enroll", "replace")
        challenge = opened.challenge
        if challenge.secret is None:
            challenge.secret = await self._authenticators.create_secret()
            await self._accounts.save(opened.account, opened.state)
        return await self._authenticators.build_setup(challenge.secret, opened.account.email)

    async def confirm(self, token: str, code: SubmittedCode) -> PassedChallenge:
        """Enrol the authenticator that computed a code, replace the recovery codes, and end all sessions.

        Raises:
            HttpError: as `Challenges.open_for_code`; 401, the code is wrong.
        """
        opened = await self._challenges.open_for_code(token, "enroll", "replace")
        account, state, challenge = opened.account, opened.state, opened.challenge
        step = None
        if challenge.secret is not None:
            step = await self._authenticators.find_time_step(challenge.secret, code.code.strip())
        if step is None:
            await self._log.record("auth.mfa.failed", account.id, client=code.client)
            raise Unauthorized(_WRONG_CODE)
        recovery = generate_recovery_codes()
        state.secret, state.last_step, state.recovery_hashes = challenge.secret, step, recovery.hashes
        state.reset_required = False
        state.end_challenges()
        await self._accounts.save(account, state, revoke_sessions=True)
        await self._bus.publish(SessionsRevoked(account.id))
        event = "auth.mfa.replaced" if challenge.type == "replace" else "auth.mfa.enrolled"
        await self._log.record(event, account.id, client=code.client)
        return PassedChallenge(account, challenge, recovery.codes)

    async def redeem_reset_ticket(self, token: str, ticket: str) -> NextStep:
        """Return the enrolment that the operator's ticket admits.

        Raises:
            HttpError: as `Challenges.open_for_code`; 401, the ticket is wrong or has expired.
        """
        opened = await self._challenges.open_for_code(token, "recover")
        account, state, recovery = opened.account, opened.state, opened.challenge
        expected = state.reset_ticket if state.reset_required else None
        if expected is None or expected.expires_at <= int(time.time()) or not is_token(ticket, expected.token_hash):
            raise Unauthorized(_WRONG_TICKET)
        enrolment = create_challenge(
            account,
            "enroll",
            method=recovery.auth_method,
            auth_time=recovery.auth_time,
            oauth_session_id=recovery.oauth_session_id,
            provider=recovery.provider,
        )
        state.reset_ticket, state.login_challenge = None, enrolment.challenge
        await self._accounts.save(account, state)
        return enrolment.describe()
