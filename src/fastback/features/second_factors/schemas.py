"""Request and response bodies of `/api/v1/auths/mfa`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from fastback.features.sessions.schemas import Session

_Token = Annotated[str, Meta(min_length=20, max_length=160)]
_Code = Annotated[str, Meta(min_length=1, max_length=128)]


class ChallengeForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    challenge_token: _Token


class CodeForm(ChallengeForm, kw_only=True, forbid_unknown_fields=True):
    """A code for a challenge; `recovery` says that it is a recovery code."""

    code: _Code
    recovery: bool = False


class FactorForm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A code of a signed-in user; `recovery` says that it is a recovery code."""

    code: _Code
    recovery: bool = False


class ResetForm(ChallengeForm, kw_only=True, forbid_unknown_fields=True):
    """The operator's token that admits a new enrolment."""

    reset_token: _Token


class FactorStatus(msgspec.Struct):
    """The second factor of the requester; `required` is whether sign-ins of their kind need one."""

    enabled: bool
    required: bool
    recovery_codes_remaining: int


class RecoveryCodeList(msgspec.Struct):
    """New recovery codes, shown once."""

    recovery_codes: list[str]


class EnrolledSession(Session):
    """The response to an enrolment that completes a sign-in."""

    recovery_codes: list[str]
