"""The administrator's policy on second factors: a change of it ends all sessions, which began under the old policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastback.access import credential_store
from fastback.access.events import AllSessionsRevoked
from fastback.access.identity import Identity
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys.auth import (
    AUTH_MFA_ALLOW_OAUTH_BYPASS,
    AUTH_MFA_ALLOW_TRUSTED_HEADER_BYPASS,
    AUTH_MFA_ENABLE,
)
from fastback.features.second_factors import store
from fastback.features.second_factors.authenticators import Authenticators
from fastback.features.second_factors.secret_cipher import InvalidKey, UnreadableSecret
from fastback.features.second_factors.security_log import SecurityLog
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import Conflict, Forbidden
from fastback.settings import Settings

POLICY_KEYS = (AUTH_MFA_ENABLE, AUTH_MFA_ALLOW_OAUTH_BYPASS, AUTH_MFA_ALLOW_TRUSTED_HEADER_BYPASS)

_NOT_HUMAN = "A human administrator session is required to change MFA settings."
_REFUSED = "Unable to update MFA policy. Check configuration and retry."


class PolicyError(Exception):
    """Second factors cannot be required; the text is one line for the operator."""


class SecondFactorPolicy:
    """Checks and changes the policy."""

    def __init__(
        self,
        *,
        db: Database,
        settings: Settings,
        config: Config,
        bus: Bus,
        authenticators: Authenticators,
        security_log: SecurityLog,
    ) -> None:
        self._db = db
        self._settings = settings
        self._config = config
        self._bus = bus
        self._authenticators = authenticators
        self._log = security_log

    async def require_possible(self) -> None:
        """Require that second factors can be verified.

        Raises:
            PolicyError: users do not sign in, the policy would not be stored, or a secret cannot be decrypted.
        """
        if not self._settings.webui_auth or not self._settings.enable_persistent_config:
            raise PolicyError("ENABLE_MFA: second factors need WEBUI_AUTH and ENABLE_PERSISTENT_CONFIG")
        try:
            await self._authenticators.require_readable(await store.list_secrets(self._db))
        except InvalidKey as error:
            raise PolicyError(str(error)) from None
        except UnreadableSecret:
            raise PolicyError(
                "ENABLE_MFA: stored second factors cannot be decrypted; restore the WEBUI_SECRET_KEY or "
                "MFA_ENCRYPTION_KEY that encrypted them"
            ) from None

    async def save(
        self, identity: Identity, values: Mapping[str, Any] | Mapping[ConfigKey, Any], *, client: str | None
    ) -> bool:
        """Store values of the configuration, and return whether they changed the policy.

        `client` is the address of the client. Values without a key of the policy are stored as they are.

        Raises:
            Forbidden: the requester is not a person in a browser.
            Conflict: the policy is invalid, or cannot be applied.
        """
        policy = {str(key): value for key, value in values.items() if key in POLICY_KEYS}
        if not policy:
            await self._config.set_many(values)
            return False
        if not identity.is_human:
            raise Forbidden(_NOT_HUMAN)
        if not all(isinstance(value, bool) for value in policy.values()):
            raise Conflict(_REFUSED)
        await self._config.reload()  # another process may have changed the policy
        current = {str(key): self._config.get_bool(key) for key in POLICY_KEYS}
        if current | policy == current:
            await self._config.set_many(values)
            return False
        if (current | policy)[AUTH_MFA_ENABLE]:
            try:
                await self.require_possible()
            except PolicyError as error:
                raise Conflict(_REFUSED) from error
        await self._config.set_many(values, alongside=credential_store.revoke_all_sessions)
        await self._bus.publish(AllSessionsRevoked())
        await self._log.record("auth.mfa.policy_changed", identity.user.id, client=client)
        return True
