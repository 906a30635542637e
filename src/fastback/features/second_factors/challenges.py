"""Challenges: the steps of a sign-in, and of a replacement, that wait for a code."""

from __future__ import annotations

import time
from collections.abc import Collection

import msgspec

from fastback.config import Config
from fastback.config.keys.auth import AUTH_MFA_ENABLE
from fastback.features.second_factors.accounts import BUSY, MAX_TRIES, FactorAccounts
from fastback.features.second_factors.codes import generate_token, hash_token, is_token
from fastback.features.second_factors.state import Challenge, ChallengeType, FactorState, SignInMethod
from fastback.features.second_factors.store import FactorAccount
from fastback.features.sessions.schemas import NextStep
from fastback.kit.http.errors import Conflict, Forbidden, HttpError, Unauthorized

#: Seconds that a challenge is valid, and codes that may be tried.
CHALLENGE_SECONDS, _MAX_CODES = 300, 5
#: Characters of the longest id of a user.
_MAX_USER_ID = 64

EXPIRED = "This authentication step expired. Please start again."
_PENDING = "Account is awaiting approval."
_DISABLED = "MFA is disabled. Please sign in again."
_TOO_MANY_CODES = "Too many codes. Please sign in again."


class NewChallenge(msgspec.Struct):
    """A challenge with its token, which is not stored."""

    token: str
    challenge: Challenge

    def describe(self) -> NextStep:
        """Return the response that asks for the step."""
        return describe_challenge(self.token, self.challenge)


class OpenChallenge(msgspec.Struct):
    """A valid challenge whose token a client has sent; it is part of `state`, the account's second factor."""

    account: FactorAccount
    state: FactorState
    challenge: Challenge


class PassedChallenge(msgspec.Struct):
    """A challenge that its code has ended, and the account as it is now.

    `recovery_codes` are new ones, where the challenge was an enrolment.
    """

    account: FactorAccount
    challenge: Challenge
    recovery_codes: list[str] = []


def describe_challenge(token: str, challenge: Challenge) -> NextStep:
    """Return the response that asks for the step of a challenge."""
    step = "enroll" if challenge.type == "replace" else challenge.type
    return NextStep(step, token, max(0, challenge.expires_at - int(time.time())))


def create_challenge(
    account: FactorAccount,
    kind: ChallengeType,
    *,
    method: SignInMethod,
    auth_time: int,
    oauth_session_id: str | None = None,
    provider: str | None = None,
) -> NewChallenge:
    """Return a new challenge of an account; `method` and `auth_time` are those of the first step of the sign-in."""
    token = f"{account.id}.{generate_token()}"
    challenge = Challenge(
        token_hash=hash_token(token),
        type=kind,
        expires_at=int(time.time()) + CHALLENGE_SECONDS,
        auth_method=method,
        auth_time=auth_time,
        session_stamp=account.session_stamp,
        oauth_session_id=oauth_session_id,
        provider=provider,
    )
    return NewChallenge(token, challenge)


class Challenges:
    """Finds the challenges of tokens."""

    def __init__(self, accounts: FactorAccounts, config: Config) -> None:
        self._accounts = accounts
        self._config = config

    async def open(self, token: str, *kinds: ChallengeType) -> OpenChallenge:
        """Return the challenge of a token.

        Raises:
            Unauthorized: there is no valid challenge of these kinds.
            Forbidden: the account must be approved first, or second factors were disabled.
        """
        user_id, separator, _ = token.partition(".")
        if not separator or len(user_id) > _MAX_USER_ID:
            raise Unauthorized(EXPIRED)
        account = await self._accounts.get(user_id)
        state = account.state or FactorState()
        challenge = _find_challenge(account, state, token, kinds)
        if challenge is None:
            raise Unauthorized(EXPIRED)
        if account.role not in ("admin", "user"):
            raise Forbidden(_PENDING)
        if not self._config.get_bool(AUTH_MFA_ENABLE):
            raise Forbidden(_DISABLED)
        return OpenChallenge(account, state, challenge)

    async def open_for_code(self, token: str, *kinds: ChallengeType) -> OpenChallenge:
        """Return the challenge of a token, after counting the code that comes with it.

        Raises:
            HttpError: as `open`; 429, too many codes of the challenge or of the account; 409, too many requests.
        """
        for _ in range(MAX_TRIES):
            opened = await self.open(token, *kinds)
            challenge = opened.challenge
            if challenge.attempts >= _MAX_CODES:
                seconds = max(1, challenge.expires_at - int(time.time()))
                raise HttpError(429, _TOO_MANY_CODES, {"Retry-After": str(seconds)})
            await self._accounts.count_attempt(opened.account, opened.state, "factor")
            challenge.attempts += 1
            if await self._accounts.try_to_save(opened.account, opened.state):
                return opened
        raise Conflict(BUSY)


def _find_challenge(
    account: FactorAccount, state: FactorState, token: str, kinds: Collection[ChallengeType]
) -> Challenge | None:
    """Return the unexpired challenge of a token, if it is of one of these kinds."""
    for challenge in (state.login_challenge, state.manage_challenge if "replace" in kinds else None):
        if (
            challenge is not None
            and is_token(token, challenge.token_hash)
            and challenge.type in kinds
            and challenge.expires_at > int(time.time())
            and challenge.session_stamp == account.session_stamp
        ):
            return challenge
    return None
