"""`/api/v1/auths`: who one is, signing up, in and out, profile, password, API key."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.access.events import UserChanged
from fastback.access.guards import (
    AdminIdentity,
    AdminUser,
    AnyUser,
    HumanIdentity,
    HumanUser,
    VerifiedUser,
    read_token,
)
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.access.tokens import TokenSigner, generate_api_key
from fastback.config import Config
from fastback.config.keys.auth import AUTH_ADMIN_EMAIL, AUTH_ADMIN_SHOW, AUTH_ENABLE_API_KEYS, AUTH_MFA_ENABLE
from fastback.config.keys.ldap import LDAP_ENABLE
from fastback.features.auths import admin_config, ldap_config, oauth_config, schemas, store
from fastback.features.auths.cookies import gone, session_cookie
from fastback.features.auths.service import AccountService
from fastback.features.users import store as users
from fastback.features.users.pictures import require_valid_picture
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, HttpError, Invalid, NotBuilt, NotFound, Router
from fastback.kit.http.body import JsonBytes, encoder
from fastback.kit.http.routing import Call
from fastback.kit.response_cache import ResponseCache
from fastback.settings import Settings


def _guarded(call: Call) -> Call:
    """Nothing of an answer is kept, and a wrong request is not told what is wrong with it: it may hold a password."""

    async def guarded(request: Request, values: dict[str, str]) -> Any:
        request.scope.setdefault("fastback.headers", []).append((b"cache-control", b"no-store"))
        try:
            return await call(request, values)
        except Invalid:
            raise HttpError(422, messages.INVALID_AUTHENTICATION) from None

    return guarded


router = Router("/api/v1/auths", wrap=_guarded)

#: Answers to "who am I": every page asks on loading, and again whenever its tab comes back.
_ready = ResponseCache()


def _set_cookies(request: Request, *cookies: bytes) -> None:
    headers = request.scope.setdefault("fastback.headers", [])
    headers.extend((b"set-cookie", cookie) for cookie in cookies)


def _signed_in(request: Request, settings: Settings, session: schemas.Session) -> schemas.Session:
    max_age = None if session.expires_at is None else session.expires_at - int(time.time())
    _set_cookies(request, session_cookie(settings, session.token, max_age=max_age))
    return session


@router.get("/")
async def session(
    request: Request,
    identity: HumanIdentity,
    settings: Settings,
    config: Config,
    db: Database,
    permissions: Permissions,
) -> JsonBytes:
    expires_at = (identity.claims or {}).get("exp")
    max_age = None if expires_at is None else expires_at - int(time.time())
    _set_cookies(request, session_cookie(settings, identity.token, max_age=max_age, expires_at=expires_at))
    key, rows = (id(db), identity.token), db.get_change_stamp()
    stamp = None if rows is None else (rows, config.version)
    body = _ready.get(key, stamp)
    if body is None:
        body = encoder.encode(await _session_of(identity.user, identity.token, expires_at, db, permissions))
        _ready.put(key, stamp, body)
    return JsonBytes(body)


async def _session_of(
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
    request: Request, data: schemas.SignUp, accounts: AccountService, settings: Settings
) -> schemas.Session:
    require_valid_picture(data.profile_image_url, settings)
    made = await accounts.sign_up(
        email=data.email, password=data.password, name=data.name, picture=data.profile_image_url
    )
    return _signed_in(request, settings, made)


@router.post("/signin")
async def sign_in(
    request: Request, data: schemas.SignIn, accounts: AccountService, settings: Settings
) -> schemas.Session:
    return _signed_in(request, settings, await accounts.sign_in(request, data.email, data.password))


@router.post("/signout")
async def sign_out(request: Request, accounts: AccountService, settings: Settings) -> dict[str, Any]:
    await accounts.sign_out(read_token(request))
    _set_cookies(request, gone("token"), gone("owui-session"), gone("oui-session"), gone("oauth_id_token"))
    if settings.webui_auth_signout_redirect_url:
        return {"status": True, "redirect_url": settings.webui_auth_signout_redirect_url}
    return {"status": True}


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
    settings: Settings,
) -> schemas.AddedUser:
    require_valid_picture(data.profile_image_url, settings)
    await accounts.check_new(data.email, data.password)
    who = await accounts.create(
        email=data.email,
        password=data.password,
        name=data.name,
        picture=data.profile_image_url,
        role=data.role or "pending",
    )
    claims = {"id": who.id, "typ": "session", "session_stamp": who.session_stamp}
    token = tokens.create(claims, lifetime=accounts.lifetime())
    picture = users.build_default_picture_url(who.id)
    return schemas.AddedUser(who.id, who.name, who.role, who.email, picture, token, "Bearer")


@router.get("/admin/details")
async def admin_details(user: AnyUser, config: Config, db: Database) -> dict[str, str | None]:
    if not config.flag(AUTH_ADMIN_SHOW):
        raise BadRequest(messages.ACTION_PROHIBITED)
    email = config.get(AUTH_ADMIN_EMAIL)
    if email:
        return {"name": await store.name_of(db, email), "email": email}
    first = await store.first_user(db)
    return {"name": first.name if first else None, "email": first.email if first else None}


@router.get("/admin/config")
async def read_admin_config(user: AdminUser, config: Config) -> dict[str, Any]:
    return admin_config.current(config)


@router.post("/admin/config")
async def save_admin_config(
    data: admin_config.AdminConfigForm, identity: AdminIdentity, config: Config, accounts: AccountService
) -> dict[str, Any]:
    values = admin_config.updates(data)
    if admin_config.touches_mfa(data) and not identity.is_human:
        raise Forbidden("A human administrator session is required to change MFA settings.")
    if data.ENABLE_MFA is True:
        raise NotBuilt("A second factor")
    revoked = admin_config.changes_mfa(data, config)
    await config.set_many(values)
    if revoked:
        await accounts.end_all_sessions()
    return {**admin_config.current(config), "sessions_revoked": revoked}


@router.get("/admin/config/ldap/server")
async def read_ldap_server(user: AdminUser, config: Config) -> dict[str, Any]:
    return ldap_config.current(config, ldap_config.LDAP)


@router.post("/admin/config/ldap/server")
async def save_ldap_server(data: ldap_config.LdapServerForm, user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set_many(ldap_config.ldap_updates(data))
    return ldap_config.current(config, ldap_config.LDAP)


@router.get("/admin/config/ldap")
async def read_ldap(user: AdminUser, config: Config) -> dict[str, Any]:
    return {"ENABLE_LDAP": config.get(LDAP_ENABLE)}


@router.post("/admin/config/ldap")
async def save_ldap(data: schemas.LdapSwitch, user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set(LDAP_ENABLE, data.enable_ldap)
    return {"ENABLE_LDAP": config.get(LDAP_ENABLE)}


@router.get("/admin/config/oauth")
async def read_oauth(user: AdminUser, config: Config) -> dict[str, Any]:
    return oauth_config.current(config)


@router.post("/admin/config/oauth")
async def save_oauth(data: oauth_config.OAuthForm, user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set_many(oauth_config.updates(data))
    return oauth_config.current(config)


async def _may_have_key(user: User, config: Config, permissions: Permissions) -> None:
    allowed = config.flag(AUTH_ENABLE_API_KEYS)
    if not allowed or not (user.is_admin or await permissions.has(user.id, "features.api_keys")):
        raise Forbidden(messages.API_KEY_CREATION_NOT_ALLOWED)


@router.post("/api_key")
async def create_api_key(
    user: AnyUser, config: Config, permissions: Permissions, db: Database, bus: Bus
) -> schemas.ApiKey:
    await _may_have_key(user, config, permissions)
    key = generate_api_key()
    await store.set_api_key(db, user.id, key)
    await bus.publish(UserChanged(user.id))
    return schemas.ApiKey(key)


@router.delete("/api_key")
async def delete_api_key(user: AnyUser, config: Config, permissions: Permissions, db: Database, bus: Bus) -> bool:
    await _may_have_key(user, config, permissions)
    await store.set_api_key(db, user.id, None)
    await bus.publish(UserChanged(user.id))
    return True


@router.get("/api_key")
async def read_api_key(user: AnyUser, config: Config, permissions: Permissions, db: Database) -> schemas.ApiKey:
    await _may_have_key(user, config, permissions)
    key = await store.api_key(db, user.id)
    if key is None:
        raise NotFound(messages.API_KEY_NOT_FOUND)
    return schemas.ApiKey(key)


@router.get("/mfa/status")
async def mfa_status(user: HumanUser, config: Config) -> dict[str, Any]:
    return {"enabled": False, "required": config.flag(AUTH_MFA_ENABLE), "recovery_codes_remaining": 0}


@router.delete("/oauth/sessions/{provider:path}")
async def delete_oauth_session(provider: str, user: VerifiedUser, db: Database) -> bool:
    if not await store.delete_oauth_sessions(db, user.id, provider):
        raise NotFound("No OAuth session found for this provider")
    return True
