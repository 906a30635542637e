"""Accounts and sessions: the rules that span credentials, configuration, groups and tokens."""

from __future__ import annotations

import logging
import time
import urllib.parse

from starlette.requests import Request

from fastback import messages
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.credential_store import Credential
from fastback.access.email_addresses import MAX_EMAIL_LENGTH, is_valid_email
from fastback.access.events import SessionsRevoked, TokenRevoked
from fastback.access.identity import User
from fastback.access.passwords import PasswordHasher
from fastback.access.tokens import TokenSigner
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_LOGIN_FORM, UI_ENABLE_SIGNUP
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.sign_in import SignIn
from fastback.features.second_factors.service import SecondFactors
from fastback.features.sessions.schemas import NextStep, Session
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, Forbidden, HttpError, TooManyRequests
from fastback.kit.rate_limiter import RateLimiter
from fastback.settings import Settings

log = logging.getLogger("fastback.auths")

#: How long a revoked token without expiry stays stored as revoked (seconds).
_UNLIMITED = 10 * 365 * 86400


class AccountService:
    """Creates accounts, signs users in and out, and changes passwords."""

    def __init__(
        self,
        *,
        db: Database,
        settings: Settings,
        config: Config,
        tokens: TokenSigner,
        passwords: PasswordHasher,
        bus: Bus,
        limiter: RateLimiter,
        provisioner: Provisioner,
        signing_in: SignIn,
        second_factors: SecondFactors,
    ) -> None:
        self._db = db
        self._settings = settings
        self._config = config
        self._tokens = tokens
        self._passwords = passwords
        self._bus = bus
        self._limiter = limiter
        self._provisioner = provisioner
        self._signing_in = signing_in
        self._second_factors = second_factors

    async def create_account(
        self, *, email: str, password: str, name: str, picture: str | None = "/user.png", role: str | None = None
    ) -> Credential:
        """Create an account with a password, as `Provisioner.create_account` does.

        Raises:
            BadRequest: the address is taken.
        """
        password_hash = await self._passwords.hash(password)
        return await self._provisioner.create_account(
            email=email, password_hash=password_hash, name=name, picture=picture, role=role
        )

    async def sign_up(self, *, email: str, password: str, name: str, picture: str | None) -> Session | NextStep:
        """Create an account for a visitor and sign them in.

        Raises:
            Forbidden: sign-up is closed.
            BadRequest: the address or the password is invalid, or the address is taken.
            ServiceUnavailable: too many hashes are waited for.
        """
        has_users = await users.has_users(self._db)
        if self._settings.webui_auth:
            has_form = self._config.get_bool(UI_ENABLE_LOGIN_FORM)
            if has_users:
                if not self._config.get_bool(UI_ENABLE_SIGNUP) or not has_form:
                    raise Forbidden(messages.ACCESS_PROHIBITED)
            elif not has_form and not self._settings.enable_initial_admin_signup:
                raise Forbidden(messages.ACCESS_PROHIBITED)
        elif has_users:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        with self._passwords.reserve():
            await self.require_valid_account(email, password)
            account = await self.create_account(email=email, password=password, name=name, picture=picture)
        await self._provisioner.publish_creation(account, "api")
        user = User(id=account.id, email=account.email, name=account.name, role=account.role)
        await self._bus.publish(ActivityEvent("auth.signup", user, account.id, "user", {"email": account.email}))
        return await self._signing_in.complete(account, "password")

    async def require_valid_account(self, email: str, password: str) -> None:
        """Require an address and a password that a new account may have.

        Raises:
            BadRequest: the address is invalid or taken, or the password is invalid.
        """
        if not is_valid_email(email.lower()):
            raise BadRequest(messages.INVALID_EMAIL)
        if await users.is_email_taken(self._db, email):
            raise BadRequest(messages.EMAIL_TAKEN)
        self._passwords.require_valid(password)

    async def sign_in(self, request: Request, email: str, password: str) -> Session | NextStep:
        """Sign in: by password, by the headers of a trusted proxy, or as the only user.

        Raises:
            BadRequest: the credentials are wrong.
            TooManyRequests: the address was tried too often.
            ServiceUnavailable: too many hashes are waited for.
            Forbidden: signing in with passwords is switched off.
        """
        if not self._settings.enable_password_auth:
            raise Forbidden(messages.ACTION_PROHIBITED)
        if self._settings.webui_auth_trusted_email_header:
            return await self._signing_in.complete(await self._get_trusted_account(request), "trusted_header")
        if not self._settings.webui_auth:
            return await self._signing_in.complete(await self._get_only_account(), "system")
        if len(email) > MAX_EMAIL_LENGTH:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        with self._passwords.reserve():
            await self._count_attempt(email.lower())
            account = await credential_store.find_credential_by_email(self._db, email)
            await self._second_factors.limit_password_attempts(email, account)
            password_hash = account.password if account is not None and account.active else None
            is_correct = await self._passwords.verify(password, password_hash)
        if account is None or not is_correct:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        return await self._signing_in.complete(account, "password")

    async def _count_attempt(self, key: str) -> None:
        if await self._limiter.is_limited(key):
            raise TooManyRequests(messages.RATE_LIMIT_EXCEEDED)

    async def _get_only_account(self) -> Credential:
        """Return the only account of an installation without sign-in; create it at the first time."""
        email = "admin@localhost"
        account = await credential_store.find_credential_by_email(self._db, email)
        if account is None:
            if await users.has_users(self._db):
                raise BadRequest(messages.EXISTING_USERS)
            created = await self.create_account(email=email, password="admin", name="User")
            await self._provisioner.publish_creation(created, "system")
            account = await credential_store.find_credential_by_email(self._db, email)
        if account is None:
            raise HttpError(500, messages.CREATE_USER_ERROR)
        return account

    async def _get_trusted_account(self, request: Request) -> Credential:
        """Return the account that a trusted proxy names: created if it is new, with the groups and role it names."""
        settings = self._settings
        header = settings.webui_auth_trusted_email_header or ""
        email = request.headers.get(header, "").lower()
        if not email:
            raise BadRequest(messages.INVALID_TRUSTED_HEADER)
        name = email
        if settings.webui_auth_trusted_name_header:
            name = urllib.parse.unquote(request.headers.get(settings.webui_auth_trusted_name_header, email))
        account = await self._provisioner.find_or_create_account(email=email, name=name, source="trusted_header")
        await self._apply_trusted_headers(request, account)
        return account

    async def _apply_trusted_headers(self, request: Request, account: Credential) -> None:
        """Give an account the groups and the role that a trusted proxy names; the role also in place."""
        settings = self._settings
        if settings.webui_auth_trusted_groups_header:
            header = request.headers.get(settings.webui_auth_trusted_groups_header, "")
            names = [name.strip() for name in header.split(",") if name.strip()]
            if names:
                await self._provisioner.set_groups(account.id, names)
        if settings.webui_auth_trusted_role_header:
            role = request.headers.get(settings.webui_auth_trusted_role_header, "").lower().strip()
            if role in ("admin", "user", "pending"):
                await self._provisioner.set_role(account, role, source="trusted_header")
            elif role:
                log.warning("invalid role in the trusted role header, skipped: %r", role)

    async def sign_out(self, token: str | None, *, provider: str | None = None) -> None:
        """End the session of a token; an invalid token is skipped.

        `provider` is the OAuth provider that the session began with, for the event.
        """
        claims = self._tokens.read(token) if token else None
        if claims is None or not claims.get("jti") or not claims.get("id"):
            return
        expires_at = int(claims.get("exp") or int(time.time()) + _UNLIMITED)
        await credential_store.revoke_token(self._db, claims["jti"], expires_at)
        await self._bus.publish(TokenRevoked(claims["id"], claims["jti"], expires_at, provider))

    async def change_password(self, user_id: str, password: str, new_password: str) -> bool:
        """Replace a user's password, end their sessions, and return True.

        Raises:
            BadRequest: the old password is wrong, or the new one is invalid.
            TooManyRequests: the user tried too often.
            ServiceUnavailable: too many hashes are waited for.
            HttpError: 409, the stored password changed at the same time.
        """
        if self._settings.webui_auth_trusted_email_header:
            raise BadRequest(messages.ACTION_PROHIBITED)
        with self._passwords.reserve():
            await self._count_attempt(f"password:{user_id}")
            account = await credential_store.find_credential(self._db, user_id)
            if account is None or not account.active or not await self._passwords.verify(password, account.password):
                raise BadRequest(messages.INCORRECT_PASSWORD)
            self._passwords.require_valid(new_password)
            hashed = await self._passwords.hash(new_password)
        if not await credential_store.set_password_hash(self._db, user_id, hashed, expected=account.password):
            raise HttpError(409, "Authentication changed. Please sign in again.")
        await self._bus.publish(SessionsRevoked(user_id))
        return True

    async def create_first_administrator(self) -> None:
        """Create the administrator that the environment names, unless there are users."""
        settings = self._settings
        if not settings.webui_admin_email or not settings.webui_admin_password or await users.has_users(self._db):
            return
        await self.create_account(
            email=settings.webui_admin_email,
            password=settings.webui_admin_password,
            name=settings.webui_admin_name,
        )
        log.info("created the administrator %s", settings.webui_admin_email)
