"""The role of a user who signs in, from the roles that the provider names."""

from __future__ import annotations

from fastback import messages
from fastback.access.credential_store import Credential
from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import oauth as keys
from fastback.config.keys.interface import UI_DEFAULT_USER_ROLE
from fastback.features.oauth.claims import Claims, find_claim_in, split_names
from fastback.features.oauth.errors import SignInRefused
from fastback.features.users import store as users
from fastback.kit.db import Database
from fastback.settings import Settings


class RolePolicy:
    """Decides roles by the administrator's settings."""

    def __init__(self, *, db: Database, config: Config, settings: Settings) -> None:
        self._db = db
        self._config = config
        self._settings = settings

    async def decide_role(
        self, account: Credential | None, sources: list[Claims], *, requires_roles: bool = False
    ) -> str:
        """Return the role of a new user (`account` is None) or of an existing one.

        The only user is an administrator. The roles are those of the first of `sources` that has the claim; without
        any, an existing user keeps the role. With `requires_roles` that is refused where only some roles are allowed.

        Raises:
            SignInRefused: the roles of the user are not allowed.
        """
        role = account.role if account is not None else self._config.get_text(UI_DEFAULT_USER_ROLE) or "pending"
        if account is not None and not await users.has_other_users(self._db, account.id):
            return "admin"
        if account is None and not await users.has_users(self._db):
            return role  # the insertion of the first account makes it an administrator's
        if not self._config.get_bool(keys.OAUTH_ENABLE_ROLE_MAPPING):
            return role
        allowed_roles, admin_roles = self._read_list(keys.OAUTH_ALLOWED_ROLES), self._read_list(keys.OAUTH_ADMIN_ROLES)
        roles = self._read_roles(sources)
        if not roles:
            if requires_roles and allowed_roles and "*" not in allowed_roles:
                raise SignInRefused("no readable roles claim", detail=messages.ACCESS_PROHIBITED, status=403)
            return role
        if not admin_roles.isdisjoint(roles):
            return "admin"
        if "*" in allowed_roles or not allowed_roles.isdisjoint(roles):
            return "user"
        raise SignInRefused("the roles of the user are not allowed", detail=messages.ACCESS_PROHIBITED, status=403)

    def _read_roles(self, sources: list[Claims]) -> list[str]:
        claim = self._config.get_text(keys.OAUTH_ROLES_CLAIM)
        if not claim:
            return []
        return split_names(find_claim_in(sources, claim), self._settings.oauth_roles_separator)

    def _read_list(self, key: ConfigKey) -> set[str]:
        """Return the items of a configuration value that is a list, or a text with commas."""
        value = self._config.get(key)
        if isinstance(value, str):
            value = [item.strip() for item in value.split(",")]
        return {item for item in value if isinstance(item, str)} if isinstance(value, list) else set()
