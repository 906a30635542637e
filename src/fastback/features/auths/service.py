"""Accounts and sessions, where credentials, configuration and tokens must agree."""

from __future__ import annotations

import logging
import re
import time
import urllib.parse
import uuid

from starlette.requests import Request

from fastback import messages
from fastback.access.activity import ActivityEvent
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
from fastback.features.auths import store
from fastback.features.auths.rate_limits import RateLimiter
from fastback.features.auths.schemas import Session
from fastback.features.auths.store import Credential
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.http.errors import BadRequest, Forbidden, HttpError, TooManyRequests
from fastback.settings import Settings

log = logging.getLogger("fastback.auths")

_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")


def valid_email(email: str) -> bool:
    return email.endswith("@localhost") or bool(_EMAIL.match(email))


class AccountService:
    """Signs people up and in, and out."""

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

    def lifetime(self) -> int | None:
        """Seconds a session lasts; None: for ever."""
        try:
            return parse_duration(self._config.text(AUTH_JWT_EXPIRY))
        except ValueError:
            return 28 * 86400

    async def session(self, who: Credential, method: str) -> Session:
        """A signed-in session's token and what goes with it."""
        lifetime = self.lifetime()
        token = self._tokens.create_session_token(who.id, method=method, stamp=who.session_stamp, lifetime=lifetime)
        return Session(
            id=who.id,
            name=who.name,
            role=who.role,
            email=who.email,
            profile_image_url=f"/api/v1/users/{who.id}/profile/image",
            token=token,
            token_type="Bearer",
            expires_at=None if lifetime is None else int(time.time()) + lifetime,
            permissions=await self._permissions.get_tree(who.id),
        )

    async def create(
        self, *, email: str, password: str, name: str, picture: str | None = "/user.png", role: str | None = None
    ) -> Credential:
        """A new account with the default role; the first one is the administrator's, and closes the sign-up.

        Raises:
            BadRequest: the address is taken.
        """
        hashed = await self._passwords.hash(password)
        role = role or self._config.text(UI_DEFAULT_USER_ROLE) or "pending"
        try:
            who = await store.insert(
                self._db, email=email.lower(), password=hashed, name=name, picture=picture, role=role
            )
        except IntegrityError:
            raise BadRequest(messages.EMAIL_TAKEN) from None
        if who.role == "admin" and role != "admin":
            await self._config.set(UI_ENABLE_SIGNUP, False)
        await self.into_default_group(who.id)
        await self._bus.publish(UserChanged(who.id))
        return who

    async def into_default_group(self, user_id: str) -> None:
        group_id = self._config.text(UI_DEFAULT_GROUP_ID)
        if group_id:
            await store.join_group(self._db, group_id, user_id)
            await self._bus.publish(GroupsChanged((user_id,)))

    async def sign_up(self, *, email: str, password: str, name: str, picture: str | None) -> Session:
        """Raises: Forbidden where sign-up is closed, BadRequest for what cannot be an account."""
        has_users = await store.has_users(self._db)
        if self._settings.webui_auth:
            form = self._config.flag(UI_ENABLE_LOGIN_FORM)
            if has_users:
                if not self._config.flag(UI_ENABLE_SIGNUP) or not form:
                    raise Forbidden(messages.ACCESS_PROHIBITED)
            elif not form and not self._settings.enable_initial_admin_signup:
                raise Forbidden(messages.ACCESS_PROHIBITED)
        elif has_users:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        await self.check_new(email, password)
        who = await self.create(email=email, password=password, name=name, picture=picture)
        return await self.session(who, "password")

    async def check_new(self, email: str, password: str) -> None:
        """Raises: BadRequest for a bad or taken address, or a bad password."""
        if not valid_email(email.lower()):
            raise BadRequest(messages.INVALID_EMAIL)
        if await store.email_taken(self._db, email):
            raise BadRequest(messages.EMAIL_TAKEN)
        self._passwords.require_valid(password)

    async def sign_in(self, request: Request, email: str, password: str) -> Session:
        """Raises: BadRequest: wrong credentials; TooManyRequests: too many attempts; Forbidden: no passwords here."""
        if not self._settings.enable_password_auth:
            raise Forbidden(messages.ACTION_PROHIBITED)
        if self._settings.webui_auth_trusted_email_header:
            return await self.session(await self._trusted(request), "trusted_header")
        if not self._settings.webui_auth:
            return await self.session(await self._nobody(), "system")
        if await self._limiter.is_limited(email.lower()):
            raise TooManyRequests(messages.RATE_LIMIT_EXCEEDED)
        who = await store.by_email(self._db, email)
        fits = await self._passwords.verify(password, who.password if who is not None and who.active else None)
        if who is None or not fits:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        return await self.session(who, "password")

    async def _nobody(self) -> Credential:
        """The one user of an installation without sign-in."""
        email = "admin@localhost"
        who = await store.by_email(self._db, email)
        if who is None:
            if await store.has_users(self._db):
                raise BadRequest(messages.EXISTING_USERS)
            await self._told("user.created", await self.create(email=email, password="admin", name="User"), "system")
            who = await store.by_email(self._db, email)
        if who is None:
            raise HttpError(500, messages.CREATE_USER_ERROR)
        return who

    async def _trusted(self, request: Request) -> Credential:
        """The user a proxy vouches for; made when new, brought up to what the headers say."""
        settings = self._settings
        header = settings.webui_auth_trusted_email_header or ""
        email = request.headers.get(header, "").lower()
        if not email:
            raise BadRequest(messages.INVALID_TRUSTED_HEADER)
        who = await store.by_email(self._db, email)
        if who is None:
            name = email
            if settings.webui_auth_trusted_name_header:
                name = urllib.parse.unquote(request.headers.get(settings.webui_auth_trusted_name_header, email))
            try:
                who = await self.create(email=email, password=str(uuid.uuid4()), name=name)
                await self._told("user.created", who, "trusted_header")
            except BadRequest:
                who = await store.by_email(self._db, email)  # two requests at once: the other was faster
        if who is None or not who.active:
            raise BadRequest(messages.INVALID_CREDENTIALS)
        await self._follow_headers(request, who)
        return who

    async def _told(self, event: str, who: Credential, source: str) -> None:
        """Tell what became of an account without anybody's asking."""
        user = User(id=who.id, email=who.email, name=who.name, role=who.role)
        await self._bus.publish(ActivityEvent(event, user, who.id, data={"role": who.role}, source=source))

    async def _follow_headers(self, request: Request, who: Credential) -> None:
        settings = self._settings
        if settings.webui_auth_trusted_groups_header:
            names = request.headers.get(settings.webui_auth_trusted_groups_header, "").split(",")
            wanted = [name.strip() for name in names if name.strip()]
            if wanted:
                await self._set_groups(who.id, wanted)
        if settings.webui_auth_trusted_role_header:
            role = request.headers.get(settings.webui_auth_trusted_role_header, "").lower().strip()
            if role in ("admin", "user", "pending"):
                if role != who.role:
                    text = 'UPDATE "user" SET role = :role WHERE id = :id'
                    await self._db.execute("auths.set_role", text, id=who.id, role=role)
                    who.role = role
                    # The token counts on, but what stands open is opened anew.
                    await self._bus.publish(SessionsRevoked(who.id))
                    await self._bus.publish(UserChanged(who.id))
                    await self._told("user.role_updated", who, "trusted_header")
            elif role:
                log.warning("passed over a trusted role header that names no role: %r", role)

    async def _set_groups(self, user_id: str, names: list[str]) -> None:
        """Make the user a member of exactly the groups with these names."""
        async with self._db.transaction() as tx:
            text = 'SELECT id FROM "group" WHERE name = ANY(:names)'
            wanted = set(await tx.fetch_all(str, "auths.groups_named", text, names=names))
            text = "SELECT group_id FROM group_member WHERE user_id = :user_id"
            present = set(await tx.fetch_all(str, "auths.groups_of", text, user_id=user_id))
            await tx.execute(
                "auths.leave_groups",
                "DELETE FROM group_member WHERE user_id = :user_id AND group_id = ANY(:left)",
                user_id=user_id,
                left=list(present - wanted),
            )
            for group_id in wanted - present:
                await store.join_group(tx, group_id, user_id)
        if wanted != present:
            await self._bus.publish(GroupsChanged((user_id,)))

    async def sign_out(self, token: str | None) -> None:
        """End the session of a token; an invalid one has nothing to end."""
        claims = self._tokens.read(token) if token else None
        if claims is None or not claims.get("jti") or not claims.get("id"):
            return
        expires = claims.get("exp") or int(time.time()) + 10 * 365 * 86400
        await store.revoke_token(self._db, claims["jti"], int(expires))
        await self._bus.publish(TokenRevoked(claims["id"], claims["jti"], int(expires)))

    async def change_password(self, user_id: str, password: str, new_password: str) -> bool:
        """Raises: BadRequest for a wrong old or a bad new one; HttpError 409 when it changed meanwhile."""
        if self._settings.webui_auth_trusted_email_header:
            raise BadRequest(messages.ACTION_PROHIBITED)
        who = await store.by_id(self._db, user_id)
        if who is None or not who.active or not await self._passwords.verify(password, who.password):
            raise BadRequest(messages.INCORRECT_PASSWORD)
        self._passwords.require_valid(new_password)
        hashed = await self._passwords.hash(new_password)
        if not await store.set_password(self._db, user_id, hashed, known=who.password):
            raise HttpError(409, "Authentication changed. Please sign in again.")
        await self._bus.publish(SessionsRevoked(user_id))
        return True

    async def end_all_sessions(self) -> None:
        """Sign everybody out."""
        for user_id in await store.revoke_all_sessions(self._db):
            await self._bus.publish(SessionsRevoked(user_id))

    async def create_first_administrator(self) -> None:
        """The administrator named by the environment, at the first start."""
        settings = self._settings
        if not settings.webui_admin_email or not settings.webui_admin_password or await store.has_users(self._db):
            return
        await self.create(
            email=settings.webui_admin_email,
            password=settings.webui_admin_password,
            name=settings.webui_admin_name,
        )
        log.info("made the administrator %s", settings.webui_admin_email)
