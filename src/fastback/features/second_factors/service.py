"""Second factors in a sign-in: the limit of its first step, and the step that follows."""

from __future__ import annotations

import time
from typing import cast

from fastback.access.credential_store import Credential
from fastback.config import Config
from fastback.config.keys.auth import AUTH_MFA_ENABLE
from fastback.features.second_factors.accounts import BUSY, MAX_TRIES, FactorAccounts
from fastback.features.second_factors.attempt_limits import UnknownAddressLimits
from fastback.features.second_factors.challenges import (
    Challenges,
    PassedChallenge,
    create_challenge,
    describe_challenge,
)
from fastback.features.second_factors.code_verification import CodeVerifier
from fastback.features.second_factors.codes import SubmittedCode
from fastback.features.second_factors.state import FactorState, SignInMethod
from fastback.features.sessions.schemas import NextStep
from fastback.kit.cluster import Cluster
from fastback.kit.http.errors import Conflict

_CHANGED = "Authentication changed. Please sign in again."


class SecondFactors:
    """Challenges people who signed in for the code of their authenticator.

    A change of an account is stored only if no other request has changed the account meanwhile: of two requests with
    the same code one succeeds.
    """

    def __init__(
        self,
        *,
        config: Config,
        accounts: FactorAccounts,
        challenges: Challenges,
        verifier: CodeVerifier,
        cluster: Cluster,
    ) -> None:
        self._config = config
        self._accounts = accounts
        self._challenges = challenges
        self._verifier = verifier
        self._unknown_addresses = UnknownAddressLimits(cluster)

    async def limit_password_attempts(self, email: str, account: Credential | None) -> None:
        """Count an attempt to sign in with a password, the account's own or that of a directory.

        Call this before the password is checked; nothing is counted while second factors are disabled. `account` is
        the account with this address, or None.

        Raises:
            HttpError: 429, too many attempts; 409, too many requests at once.
        """
        if not self._config.get_bool(AUTH_MFA_ENABLE):
            return
        if account is None or not account.active:
            await self._unknown_addresses.add_attempt(email)
        else:
            await self._accounts.limit_attempts(account.id, "password")

    async def begin_sign_in(
        self, account: Credential, method: str, *, oauth_session_id: str | None = None, provider: str | None = None
    ) -> NextStep:
        """Return the step that completes a sign-in: enrolling, verifying a code, or recovering.

        Raises:
            HttpError: 409, the credential changed at the same time.
        """
        for _ in range(MAX_TRIES):
            current = await self._accounts.get(account.id)
            if (current.session_stamp, current.password) != (account.session_stamp, account.password):
                raise Conflict(_CHANGED)
            state = current.state or FactorState()
            challenge = create_challenge(
                current,
                "recover" if state.reset_required else "verify" if state.secret else "enroll",
                method=cast(SignInMethod, method),
                auth_time=int(time.time()),
                oauth_session_id=oauth_session_id,
                provider=provider,
            )
            state.login_challenge = challenge.challenge
            if await self._accounts.try_to_save(current, state):
                return challenge.describe()
        raise Conflict(BUSY)

    async def describe_sign_in(self, token: str) -> NextStep:
        """Return the step of a sign-in that has begun, for a client that has only the token.

        Raises:
            HttpError: as `Challenges.open`.
        """
        opened = await self._challenges.open(token, "enroll", "verify", "recover")
        return describe_challenge(token, opened.challenge)

    async def verify_code(self, token: str, code: SubmittedCode) -> PassedChallenge:
        """End a sign-in with a code.

        Raises:
            HttpError: as `Challenges.open_for_code`; 401, the code is wrong or was used.
        """
        opened = await self._challenges.open_for_code(token, "verify")
        account, state = opened.account, opened.state
        await self._verifier.use_code(account, state, code)
        state.login_challenge = None
        await self._accounts.save(account, state)
        await self._verifier.record_recovery(account, code)
        return PassedChallenge(account, opened.challenge)
