"""The administrator's policy on second factors."""

from __future__ import annotations

from fastback.config import Config
from fastback.config.keys.auth import (
    AUTH_MFA_ALLOW_OAUTH_BYPASS,
    AUTH_MFA_ALLOW_TRUSTED_HEADER_BYPASS,
    AUTH_MFA_ENABLE,
)

#: The settings that excuse a method of sign-in from the second factor.
_EXEMPTIONS = {"oauth": AUTH_MFA_ALLOW_OAUTH_BYPASS, "trusted_header": AUTH_MFA_ALLOW_TRUSTED_HEADER_BYPASS}


def is_second_factor_required(config: Config, method: str) -> bool:
    """Return whether people who sign in with a method (`password`, `oauth`, …) need a second factor."""
    if not config.get_bool(AUTH_MFA_ENABLE):
        return False
    exemption = _EXEMPTIONS.get(method)
    return exemption is None or not config.get_bool(exemption)
