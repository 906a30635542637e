"""The state of an account's second factor, as the column `auth.mfa` stores it: the reference's JSON.

Secrets are encrypted, tokens and recovery codes are hashed (SHA-256). Times are Unix times in seconds.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

#: A step of a sign-in, or of the replacement of a second factor.
ChallengeType = Literal["enroll", "verify", "replace", "recover"]
SignInMethod = Literal["password", "ldap", "oauth", "trusted_header", "system", "api"]
#: What the attempts of an account are counted for.
LimitKind = Literal["password", "factor"]

_Count = Annotated[int, Meta(ge=0)]


class AttemptLimit(msgspec.Struct, kw_only=True):
    """The attempts in a window that ends at `expires_at`."""

    count: _Count = 0
    expires_at: int


class ResetTicket(msgspec.Struct, kw_only=True):
    """A token of the operator that admits one new enrolment."""

    token_hash: str
    expires_at: int


class Challenge(msgspec.Struct, kw_only=True):
    """A step that waits for its user, and what the finished sign-in needs to know of the first step.

    Attributes:
        attempts: codes that were tried.
        auth_time: when the first step was done.
        session_stamp: that of the account when the step began: a revocation of its sessions ends the step.
        secret: encrypted, of the authenticator that is being enrolled.
        oauth_session_id: the stored tokens of the provider, where an OAuth sign-in led here.
    """

    token_hash: str
    type: ChallengeType
    expires_at: int
    attempts: _Count = 0
    auth_method: SignInMethod
    auth_time: int
    session_stamp: str | None = None
    secret: str | None = None
    oauth_session_id: str | None = None
    provider: str | None = None


class FactorState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The second factor of an account.

    Attributes:
        revision: changes with every write, for compare-and-set.
        secret: encrypted, of the enrolled authenticator.
        last_step: the time step of the last accepted code; codes of this step and earlier ones are refused.
        reset_required: whether the operator removed the authenticator; a ticket must precede the next enrolment.
    """

    revision: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    secret: str | None = None
    last_step: int = -1
    recovery_hashes: list[str] = []
    login_challenge: Challenge | None = None
    manage_challenge: Challenge | None = None
    reset_required: bool = False
    reset_ticket: ResetTicket | None = None
    limits: dict[str, AttemptLimit] = {}

    def end_challenges(self) -> None:
        """Remove the running challenges and the reset ticket."""
        self.login_challenge = self.manage_challenge = self.reset_ticket = None
