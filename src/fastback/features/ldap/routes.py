"""`/api/v1/auths/ldap`, and the administrator's settings of LDAP."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import AdminUser
from fastback.config import Config
from fastback.config.keys.ldap import LDAP_ENABLE
from fastback.features.ldap import server_page
from fastback.features.ldap.schemas import LdapCredentials, LdapServerForm, LdapSwitch
from fastback.features.ldap.service import LdapSignIn
from fastback.features.sessions.credential_protection import protect_credentials
from fastback.features.sessions.responses import build_sign_in_response
from fastback.features.sessions.schemas import NextStep, Session
from fastback.kit.http import Router
from fastback.kit.http.body import WithHeaders
from fastback.settings import Settings

router = Router("/api/v1/auths", wrap=protect_credentials)


@router.post("/ldap")
async def sign_in(data: LdapCredentials, ldap: LdapSignIn, settings: Settings) -> WithHeaders[Session | NextStep]:
    return build_sign_in_response(settings, await ldap.sign_in(data.user, data.password))


@router.get("/admin/config/ldap/server")
async def get_ldap_server(user: AdminUser, config: Config) -> dict[str, Any]:
    return server_page.read_page(config)


@router.post("/admin/config/ldap/server")
async def save_ldap_server(data: LdapServerForm, user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set_many(server_page.collect_changes(data))
    return server_page.read_page(config)


@router.get("/admin/config/ldap")
async def get_ldap_switch(user: AdminUser, config: Config) -> dict[str, Any]:
    return {"ENABLE_LDAP": config.get(LDAP_ENABLE)}


@router.post("/admin/config/ldap")
async def save_ldap_switch(data: LdapSwitch, user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set(LDAP_ENABLE, data.enable_ldap)
    return {"ENABLE_LDAP": config.get(LDAP_ENABLE)}
