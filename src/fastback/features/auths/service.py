"""Accounts and sessions: the rules that span credentials, configuration, groups and tokens."""

from __future__ import annotations

import logging
import time
import urllib.parse
import uuid

from starlette.requests import Request

from fastback import messages
from fastback.access import credential_store
from fastback.access.activity import ActivityEvent
from fastback.access.credential_store import Credential
from fastback.access.email_addresses import MAX_EMAIL_LENGTH, is_valid_email
from fastback.access.events import GroupsChanged, SessionsRevoked, TokenRevoked, UserChanged
from fastback.access.identity import User
from fastback.access.passwords import PasswordHasher
from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner, parse_duration
from fastback.config import Config
from fastback.config.keys.auth import AUTH_JWT_EXPIRY
from fastback.config.keys.interface import (
    UI_DEFAULT_GROUP_ID,
    UI_DEFAULT_USER_ROLE,
    UI_ENABLE_LOGIN_FORM,
    UI_ENABLE_SIGNUP,
)
from fastback.features.auths.account_store import insert_account
from fastback.features.auths.rate_limits import RateLimiter
from fastback.features.auths.schemas import Session
from fastback.features.groups import member_store as group_members
from fastback.features.groups import store as groups
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.http.errors import BadRequest, Forbidden, HttpError, TooManyRequests
from fastback.settings import Settings

log = logging.getLogger("fastback.auths")

#: The lifetime of a session (seconds) where the configured duration is invalid.
_DEFAULT_LIFETIME = 28 * 86400
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
        permissions: Permissions,
        bus: Bus,
        limiter: RateLimiter,
    ) -> None:
        self._db = db
        self._settings = settings
        self._config = config
        self._tokens = tokens
        self._passwords = passwords
        self._permissions = permissions
        self._bus = bus
        self._limiter = limiter

    def get_session_lifetime(self) -> int | None:
        """Return the seconds after which a session expires; None: never."""
        try:
            return parse_duration(self._config.get_text(AUTH_JWT_EXPIRY))
        except ValueError:
            return _DEFAULT_LIFETIME

    async def build_session(self, account: Credential, method: str) -> Session:
        """Return the session of a completed sign-in, with a new token."""
        lifetime = self.get_session_lifetime()
        token = self._tokens.create_session_token(
            account.id, method=method, stamp=account.session_stamp, lifetime=lifetime
        )
        return Session(
            id=account.id,
            name=account.name,
            role=account.role,
            email=account.email,
            profile_image_url=users.build_default_picture_url(account.id),
            token=token,
            token_type="Bearer",
            expires_at=None if lifetime is None else int(time.time()) + lifetime,
            permissions=await self._permissions.get_tree(account.id),
        )

    async def create_account(
        self, *, email: str, password: str, name: str, picture: str | None = "/user.png", role: str | None = None
    ) -> Credential:
        """Create an account with the default role; the first account is the administrator's, and closes the sign-up.

        Raises:
            BadRequest: the address is taken.
        """
        hashed = await self._passwords.hash(password)
        role = role or self._config.get_text(UI_DEFAULT_USER_ROLE) or "pending"
        try:
            account = await insert_account(
                self._db, email=email.lower(), password_hash=hashed, name=name, picture=picture, role=role
            )
        except IntegrityError:
            raise BadRequest(messages.EMAIL_TAKEN) from None
        if account.role == "admin" and role != "admin":
            await self._config.set(UI_ENABLE_SIGNUP, False)
        await self._join_default_group(account.id)
        await self._bus.publish(UserChanged(account.id))
        return account

    async def _join_default_group(self, user_id: str) -> None:
        group_id = self._config.get_text(UI_DEFAULT_GROUP_ID)
        if group_id:
            await group_members.join_group(self._db, group_id, user_id)
            await self._bus.publish(GroupsChanged((user_id,)))

    async def sign_up(self, *, email: str, password: str, name: str, picture: str | None) -> Session:
        """Create an account for a visitor and return its first session.

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
        return await self.build_session(account, "password")

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

    async def sign_in(self, request: Request, email: str, password: str) -> Session:
        """Return a new session: by password, by the headers of a trusted proxy, or of the only user.

        Raises:
            BadRequest: the credentials are wrong.
            TooManyRequests: the address was tried too often.
            ServiceUnavailable: too many hashes are waited for.
            Forbidden: signing in with passwords is switched off.
        """
        if not self._settings.enable_password_auth:
            raise Forbidden(messages.ACTION_PROHIBITED)
        if self._settings.webui_auth_trusted_email_header:
            return await self.build_session(await self._get_trusted_account(request), "trusted_header")
        if not self._settings.webui_auth:
            return await self.build_session(await self._get_only_account(), "system")
        if len(email) > MAX_EMAIL_LENGTH:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        with self._passwords.reserve():
            await self._count_attempt(email.lower())
            account = await credential_store.find_credential_by_email(self._db, email)
            password_hash = account.password if account is not None and account.active else None
            is_correct = await self._passwords.verify(password, password_hash)
        if account is None or not is_correct:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        return await self.build_session(account, "password")

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
            await self._publish_event("user.created", created, "system")
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
        account = await credential_store.find_credential_by_email(self._db, email)
        if account is None:
            name = email
            if settings.webui_auth_trusted_name_header:
                name = urllib.parse.unquote(request.headers.get(settings.webui_auth_trusted_name_header, email))
            try:
                account = await self.create_account(email=email, password=str(uuid.uuid4()), name=name)
                await self._publish_event("user.created", account, "trusted_header")
            except BadRequest:
                # Another request created the account at the same time.
                account = await credential_store.find_credential_by_email(self._db, email)
        if account is None or not account.active:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        await self._apply_trusted_headers(request, account)
        return account

    async def _publish_event(self, event: str, account: Credential, source: str) -> None:
        """Publish a change of an account that no operation of an administrator made."""
        user = User(id=account.id, email=account.email, name=account.name, role=account.role)
        await self._bus.publish(ActivityEvent(event, user, account.id, data={"role": account.role}, source=source))

    async def _apply_trusted_headers(self, request: Request, account: Credential) -> None:
        """Give an account the groups and the role that a trusted proxy names; the role also in place."""
        settings = self._settings
        if settings.webui_auth_trusted_groups_header:
            header = request.headers.get(settings.webui_auth_trusted_groups_header, "")
            names = [name.strip() for name in header.split(",") if name.strip()]
            if names:
                await self._set_groups(account.id, names)
        if settings.webui_auth_trusted_role_header:
            role = request.headers.get(settings.webui_auth_trusted_role_header, "").lower().strip()
            if role in ("admin", "user", "pending"):
                if role != account.role:
                    await users.set_role(self._db, account.id, role)
                    account.role = role
                    # The token stays valid after a change of role, but open sockets must connect with the new role.
                    await self._bus.publish(SessionsRevoked(account.id))
                    await self._bus.publish(UserChanged(account.id))
                    await self._publish_event("user.role_updated", account, "trusted_header")
            elif role:
                log.warning("invalid role in the trusted role header, skipped: %r", role)

    async def _set_groups(self, user_id: str, names: list[str]) -> None:
        """Make the user a direct member of exactly the existing groups with these names."""
        async with self._db.transaction() as tx:
            group_ids = set(await groups.list_ids_by_name(tx, names))
            has_changed = await group_members.set_joined_groups(tx, user_id, group_ids)
        if has_changed:
            await self._bus.publish(GroupsChanged((user_id,)))

    async def sign_out(self, token: str | None) -> None:
        """End the session of a token; an invalid token is skipped."""
        claims = self._tokens.read(token) if token else None
        if claims is None or not claims.get("jti") or not claims.get("id"):
            return
        expires_at = int(claims.get("exp") or int(time.time()) + _UNLIMITED)
        await credential_store.revoke_token(self._db, claims["jti"], expires_at)
        await self._bus.publish(TokenRevoked(claims["id"], claims["jti"], expires_at))

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

    async def end_all_sessions(self) -> None:
        """Sign out every user."""
        for user_id in await credential_store.revoke_all_sessions(self._db):
            await self._bus.publish(SessionsRevoked(user_id))

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
