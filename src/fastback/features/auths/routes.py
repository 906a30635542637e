"""`/api/v1/auths`: the session, signing up, in and out, profile, password, API key."""

from __future__ import annotations

import time
from typing import TypeVar

from starlette.requests import Request

from fastback import messages
from fastback.access import credential_store
from fastback.access.events import UserChanged
from fastback.access.guards import (
    AdminUser,
    AnyUser,
    HumanIdentity,
    VerifiedUser,
)
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner, generate_api_key
from fastback.config import Config
from fastback.config.keys.auth import AUTH_ENABLE_API_KEYS, AUTH_MFA_ENABLE
from fastback.features.auths import schemas
from fastback.features.auths.service import AccountService
from fastback.features.oauth_sessions.service import OAuthSessions
from fastback.features.sessions.cookies import build_session_cookie
from fastback.features.sessions.credential_protection import protect_credentials
from fastback.features.sessions.issuing import SessionIssuer
from fastback.features.sessions.responses import build_sign_in_response
from fastback.features.sessions.schemas import NextStep, Session
from fastback.features.users import store as users
from fastback.features.users.pictures import require_valid_picture
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, HttpError, NotFound, Router
from fastback.kit.http.body import JsonBytes, WithHeaders, encoder
from fastback.kit.response_cache import ResponseCache
from fastback.settings import Settings

T = TypeVar("T")

router = Router("/api/v1/auths", wrap=protect_credentials)


def _with_cookies(content: T, *cookies: bytes) -> WithHeaders[T]:
    return WithHeaders(content, [(b"set-cookie", cookie) for cookie in cookies])


@router.get("/")
async def get_session(
    identity: HumanIdentity,
    settings: Settings,
    config: Config,
    db: Database,
    permissions: Permissions,
    cache: ResponseCache,
) -> WithHeaders[JsonBytes]:
    expires_at = (identity.claims or {}).get("exp")
    max_age = None if expires_at is None else expires_at - int(time.time())
    cookie = build_session_cookie(settings, identity.token, max_age=max_age, expires_at=expires_at)
    # A page requests its session on loading, and whenever its tab becomes visible.
    key, database_version = ("session", identity.token), db.get_change_stamp()
    # What another process has changed in the database counts here once the process has said so.
    versions = (database_version, config.version, permissions.version, identity.user)
    stamp = None if database_version is None else versions
    body = cache.get(key, stamp)
    if body is None:
        body = encoder.encode(await _build_session_info(identity.user, identity.token, expires_at, db, permissions))
        cache.put(key, stamp, body)
    return _with_cookies(JsonBytes(body), cookie)


async def _build_session_info(
    user: User, token: str, expires_at: int | None, db: Database, permissions: Permissions
) -> schemas.SessionInfo:
    profile = await users.find_profile(db, user.id)
    if profile is None:
        raise HttpError(401, messages.INVALID_TOKEN)
    return schemas.SessionInfo(
        status_emoji=profile.status_emoji,
        status_message=profile.status_message,
        status_expires_at=profile.status_expires_at,
        id=user.id,
        name=profile.name,
        role=profile.role,
        email=profile.email,
        profile_image_url=profile.profile_image_url or users.build_default_picture_url(user.id),
        token=token,
        token_type="Bearer",
        expires_at=expires_at,
        permissions=await permissions.get_tree(user.id),
        bio=profile.bio,
        gender=profile.gender,
        date_of_birth=profile.date_of_birth,
    )


@router.post("/signup")
async def sign_up(
    data: schemas.SignUp, accounts: AccountService, settings: Settings
) -> WithHeaders[Session | NextStep]:
    require_valid_picture(data.profile_image_url, settings)
    result = await accounts.sign_up(
        email=data.email, password=data.password, name=data.name, picture=data.profile_image_url
    )
    return build_sign_in_response(settings, result)


@router.post("/signin")
async def sign_in(
    request: Request, data: schemas.SignIn, accounts: AccountService, settings: Settings
) -> WithHeaders[Session | NextStep]:
    return build_sign_in_response(settings, await accounts.sign_in(request, data.email, data.password))


@router.post("/update/profile")
async def update_profile(
    data: schemas.UpdateProfile, user: VerifiedUser, db: Database, bus: Bus, settings: Settings
) -> schemas.ProfileImage:
    require_valid_picture(data.profile_image_url, settings)
    await users.update_user(
        db,
        user.id,
        name=data.name,
        profile_image_url=data.profile_image_url,
        bio=data.bio,
        gender=data.gender,
        date_of_birth=data.date_of_birth,
    )
    await bus.publish(UserChanged(user.id))
    picture = data.profile_image_url or users.build_default_picture_url(user.id)
    return schemas.ProfileImage(user.id, data.name, user.role, user.email, picture)


@router.post("/update/timezone")
async def update_timezone(data: schemas.UpdateTimezone, user: AnyUser, db: Database) -> dict[str, bool]:
    await users.update_user(db, user.id, timezone=data.timezone)
    return {"status": True}


@router.post("/update/password")
async def update_password(data: schemas.UpdatePassword, user: AnyUser, accounts: AccountService) -> bool:
    return await accounts.change_password(user.id, data.password, data.new_password)


@router.post("/add")
async def add_user(
    data: schemas.AddUser,
    user: AdminUser,
    accounts: AccountService,
    tokens: TokenSigner,
    sessions: SessionIssuer,
    settings: Settings,
    config: Config,
) -> schemas.AddedUser:
    require_valid_picture(data.profile_image_url, settings)
    await accounts.require_valid_account(data.email, data.password)
    account = await accounts.create_account(
        email=data.email,
        password=data.password,
        name=data.name,
        picture=data.profile_image_url,
        role=data.role or "pending",
    )
    added = schemas.AddedUser(
        id=account.id,
        name=account.name,
        role=account.role,
        email=account.email,
        profile_image_url=data.profile_image_url,
    )
    if config.get_bool(AUTH_MFA_ENABLE):
        return added  # a session would need the user's second factor
    claims = {"id": account.id, "typ": "session", "session_stamp": account.session_stamp}
    added.token, added.token_type = tokens.create(claims, lifetime=sessions.get_lifetime()), "Bearer"
    added.profile_image_url = users.build_default_picture_url(account.id)
    return added


async def _require_api_keys_allowed(user: User, config: Config, permissions: Permissions) -> None:
    if not config.get_bool(AUTH_ENABLE_API_KEYS) or not (
        user.is_admin or await permissions.has(user.id, "features.api_keys")
    ):
        raise Forbidden(messages.API_KEY_CREATION_NOT_ALLOWED)


@router.post("/api_key")
async def create_api_key(
    user: AnyUser, config: Config, permissions: Permissions, db: Database, bus: Bus
) -> schemas.ApiKey:
    await _require_api_keys_allowed(user, config, permissions)
    key = generate_api_key()
    await credential_store.set_api_key(db, user.id, key)
    await bus.publish(UserChanged(user.id))
    return schemas.ApiKey(key)


@router.delete("/api_key")
async def delete_api_key(user: AnyUser, config: Config, permissions: Permissions, db: Database, bus: Bus) -> bool:
    await _require_api_keys_allowed(user, config, permissions)
    await credential_store.set_api_key(db, user.id, None)
    await bus.publish(UserChanged(user.id))
    return True


@router.get("/api_key")
async def get_api_key(user: AnyUser, config: Config, permissions: Permissions, db: Database) -> schemas.ApiKey:
    await _require_api_keys_allowed(user, config, permissions)
    key = await credential_store.find_api_key(db, user.id)
    if key is None:
        raise NotFound(messages.API_KEY_NOT_FOUND)
    return schemas.ApiKey(key)


@router.delete("/oauth/sessions/{provider:path}")
async def delete_oauth_sessions(provider: str, user: VerifiedUser, sessions: OAuthSessions) -> bool:
    if not await sessions.delete_of_user(user.id, provider):
        raise NotFound("No OAuth session found for this provider")
    return True
