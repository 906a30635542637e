"""`/api/v1/auths/admin`: the administrator's settings of sign-in and OAuth."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminIdentity, AdminUser, AnyUser
from fastback.config import Config
from fastback.config.keys.auth import AUTH_ADMIN_EMAIL, AUTH_ADMIN_SHOW
from fastback.features.auths import admin_config, oauth_config
from fastback.features.second_factors.policy import SecondFactorPolicy
from fastback.features.sessions.credential_protection import protect_credentials
from fastback.features.users import store as users
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router

router = Router("/api/v1/auths", wrap=protect_credentials)


@router.get("/admin/details")
async def get_admin_details(user: AnyUser, config: Config, db: Database) -> dict[str, str | None]:
    if not config.get_bool(AUTH_ADMIN_SHOW):
        raise BadRequest(messages.ACTION_PROHIBITED)
    email = config.get(AUTH_ADMIN_EMAIL)
    if email:
        return {"name": await users.find_name_by_email(db, email), "email": email}
    contact = await users.find_first_contact(db)
    return {"name": contact.name if contact else None, "email": contact.email if contact else None}


@router.get("/admin/config")
async def get_admin_config(user: AdminUser, config: Config) -> dict[str, Any]:
    return admin_config.read_page(config)


@router.post("/admin/config")
async def save_admin_config(
    request: Request,
    data: admin_config.AdminConfigForm,
    identity: AdminIdentity,
    config: Config,
    policy: SecondFactorPolicy,
) -> dict[str, Any]:
    client = request.client.host if request.client else None
    are_sessions_revoked = await policy.save(identity, admin_config.collect_changes(data), client=client)
    return {**admin_config.read_page(config), "sessions_revoked": are_sessions_revoked}


@router.get("/admin/config/oauth")
async def get_oauth_config(user: AdminUser, config: Config) -> dict[str, Any]:
    return oauth_config.read_page(config)


@router.post("/admin/config/oauth")
async def save_oauth_config(data: oauth_config.OAuthForm, user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set_many(oauth_config.collect_changes(data))
    return oauth_config.read_page(config)
