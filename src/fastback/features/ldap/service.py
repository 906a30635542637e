"""Sign-in with an account of the directory: limits, the directory's answer, the account, its groups, the session."""

from __future__ import annotations

from fastback import messages
from fastback.access import credential_store
from fastback.config import Config
from fastback.config.keys.ldap import LDAP_ENABLE, LDAP_GROUP_ENABLE_CREATION
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.sign_in import SignIn
from fastback.features.groups.service import GroupService
from fastback.features.ldap.directory_settings import read_directory_settings
from fastback.features.ldap.directory_threads import DirectoryThreads
from fastback.features.ldap.directory_user import DirectoryRefusal, DirectoryUser
from fastback.features.second_factors.service import SecondFactors
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, Forbidden, TooManyRequests
from fastback.kit.rate_limiter import RateLimiter
from fastback.settings import Settings

#: Characters of the longest name and password that the directory is asked about.
_MAX_NAME_LENGTH, _MAX_PASSWORD_LENGTH = 256, 1024


class LdapSignIn:
    """Signs users of the directory in."""

    def __init__(
        self,
        *,
        settings: Settings,
        config: Config,
        limiter: RateLimiter,
        directory: DirectoryThreads,
        provisioner: Provisioner,
        groups: GroupService,
        signing_in: SignIn,
        second_factors: SecondFactors,
        db: Database,
    ) -> None:
        self._settings = settings
        self._config = config
        self._limiter = limiter
        self._directory = directory
        self._provisioner = provisioner
        self._groups = groups
        self._signing_in = signing_in
        self._second_factors = second_factors
        self._db = db

    async def sign_in(self, username: str, password: str) -> Session | NextStep:
        """Sign a user of the directory in; their account is created at the first time.

        Raises:
            BadRequest: LDAP is off, or the directory refuses the user or cannot be asked.
            Forbidden: signing in with passwords is switched off.
            TooManyRequests: the name was tried too often.
            HttpError: as `SecondFactors.limit_password_attempts`.
            ServiceUnavailable: too many sign-ins are in progress.
        """
        if not self._config.get_bool(LDAP_ENABLE):
            raise BadRequest("LDAP authentication is not enabled")
        if not self._settings.enable_password_auth:
            raise Forbidden(messages.ACTION_PROHIBITED)
        # With an empty password a directory accepts a bind without checking anything (RFC 4513, 5.1.2).
        if not password.strip() or len(password) > _MAX_PASSWORD_LENGTH:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        if len(username) > _MAX_NAME_LENGTH:
            raise BadRequest("User not found in the LDAP server")
        self._directory.require_free_slot()
        if await self._limiter.is_limited(f"ldap:{username.lower()}"):
            raise TooManyRequests(messages.RATE_LIMIT_EXCEEDED)
        try:
            user = await self._directory.authenticate(
                read_directory_settings(self._config, self._settings), username, password, admit=self._limit_attempts
            )
        except DirectoryRefusal as refusal:
            raise BadRequest(str(refusal)) from None
        account = await self._provisioner.find_or_create_account(email=user.email, name=user.name, source="ldap")
        await self._set_groups(account.id, user)
        return await self._signing_in.complete(account, "ldap")

    async def _limit_attempts(self, user: DirectoryUser) -> None:
        account = await credential_store.find_credential_by_email(self._db, user.email)
        await self._second_factors.limit_password_attempts(user.email, account)

    async def _set_groups(self, user_id: str, user: DirectoryUser) -> None:
        """Give an account the groups of the directory; where it names none, the account keeps its groups."""
        if not user.groups:
            return
        if self._config.get_bool(LDAP_GROUP_ENABLE_CREATION):
            await self._groups.create_missing_groups(user_id, user.groups)
        await self._provisioner.set_groups(user_id, user.groups)
