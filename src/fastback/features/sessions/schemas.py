"""The responses that end a step of a sign-in."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Session(msgspec.Struct):
    """The response to a completed sign-in."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str
    token_type: str
    expires_at: int | None
    permissions: dict[str, Any] | None


class NextStep(msgspec.Struct, omit_defaults=True):
    """The response to a sign-in that is not complete: the next step, and the challenge that proves the first.

    `pending`: an administrator must approve the account. `enroll`, `verify` and `recover` concern the second factor;
    their challenge is valid for `expires_in` seconds.
    """

    next_step: Literal["pending", "enroll", "verify", "recover"]
    challenge_token: str = ""
    expires_in: int | None = None
