"""The administrator's settings of signing in through other providers. Signing in so comes later."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config import Config

FIELDS: dict[str, str] = {
    "ENABLE_OAUTH": "oauth.enable",
    "ENABLE_OAUTH_SIGNUP": "oauth.enable_signup",
    "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": "oauth.merge_accounts_by_email",
    "OAUTH_AUTO_REDIRECT": "oauth.auto_redirect",
    "OAUTH_ALLOWED_DOMAINS": "oauth.allowed_domains",
    "OAUTH_BLOCKED_GROUPS": "oauth.blocked_groups",
    "ENABLE_OAUTH_ROLE_MANAGEMENT": "oauth.enable_role_mapping",
    "OAUTH_ROLES_CLAIM": "oauth.roles_claim",
    "OAUTH_ADMIN_ROLES": "oauth.admin_roles",
    "OAUTH_ALLOWED_ROLES": "oauth.allowed_roles",
    "ENABLE_OAUTH_GROUP_MANAGEMENT": "oauth.enable_group_mapping",
    "ENABLE_OAUTH_GROUP_CREATION": "oauth.enable_group_creation",
    "OAUTH_GROUP_CLAIM": "oauth.group_claim",
    "OAUTH_GROUP_DEFAULT_SHARE": "oauth.group_default_share",
    "OAUTH_PROVIDER_NAME": "oauth.provider_name",
    "OPENID_PROVIDER_URL": "oauth.provider_url",
    "OAUTH_CLIENT_ID": "oauth.client_id",
    "OAUTH_CLIENT_SECRET": "oauth.client_secret",
    "OPENID_REDIRECT_URI": "oauth.redirect_uri",
    "OAUTH_SCOPES": "oauth.scopes",
    "OAUTH_CODE_CHALLENGE_METHOD": "oauth.code_challenge_method",
    "OAUTH_TOKEN_ENDPOINT_AUTH_METHOD": "oauth.token_endpoint_auth_method",
    "OPENID_END_SESSION_ENDPOINT": "oauth.end_session_endpoint",
    "OAUTH_TIMEOUT": "oauth.timeout",
    "OAUTH_CLIENT_TIMEOUT": "oauth.client.timeout",
    "OAUTH_EMAIL_CLAIM": "oauth.email_claim",
    "OAUTH_USERNAME_CLAIM": "oauth.username_claim",
    "OAUTH_PICTURE_CLAIM": "oauth.picture_claim",
    "OAUTH_SUB_CLAIM": "oauth.sub_claim",
    "OAUTH_AUDIENCE": "oauth.audience",
    "OAUTH_UPDATE_EMAIL_ON_LOGIN": "oauth.update_email_on_login",
    "OAUTH_UPDATE_NAME_ON_LOGIN": "oauth.update_name_on_login",
    "OAUTH_UPDATE_PICTURE_ON_LOGIN": "oauth.update_picture_on_login",
    "OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE": "oauth.refresh_token.include_scope",
}

#: Lists that the page shows as a text with commas.
_LISTS = frozenset({"OAUTH_ALLOWED_DOMAINS", "OAUTH_ADMIN_ROLES", "OAUTH_ALLOWED_ROLES"})


class OAuthForm(msgspec.Struct):
    """What is left out, or null, stays as it was."""

    ENABLE_OAUTH: bool | None = None
    ENABLE_OAUTH_SIGNUP: bool | None = None
    OAUTH_MERGE_ACCOUNTS_BY_EMAIL: bool | None = None
    OAUTH_AUTO_REDIRECT: bool | None = None
    OAUTH_ALLOWED_DOMAINS: str | None = None
    OAUTH_BLOCKED_GROUPS: str | None = None
    ENABLE_OAUTH_ROLE_MANAGEMENT: bool | None = None
    OAUTH_ROLES_CLAIM: str | None = None
    OAUTH_ADMIN_ROLES: str | None = None
    OAUTH_ALLOWED_ROLES: str | None = None
    ENABLE_OAUTH_GROUP_MANAGEMENT: bool | None = None
    ENABLE_OAUTH_GROUP_CREATION: bool | None = None
    OAUTH_GROUP_CLAIM: str | None = None
    OAUTH_GROUP_DEFAULT_SHARE: bool | str | None = None
    OAUTH_PROVIDER_NAME: str | None = None
    OPENID_PROVIDER_URL: str | None = None
    OAUTH_CLIENT_ID: str | None = None
    OAUTH_CLIENT_SECRET: str | None = None
    OPENID_REDIRECT_URI: str | None = None
    OAUTH_SCOPES: str | None = None
    OAUTH_CODE_CHALLENGE_METHOD: str | None = None
    OAUTH_TOKEN_ENDPOINT_AUTH_METHOD: str | None = None
    OPENID_END_SESSION_ENDPOINT: str | None = None
    OAUTH_TIMEOUT: int | str | None = None
    OAUTH_CLIENT_TIMEOUT: int | str | None = None
    OAUTH_EMAIL_CLAIM: str | None = None
    OAUTH_USERNAME_CLAIM: str | None = None
    OAUTH_PICTURE_CLAIM: str | None = None
    OAUTH_SUB_CLAIM: str | None = None
    OAUTH_AUDIENCE: str | None = None
    OAUTH_UPDATE_EMAIL_ON_LOGIN: bool | None = None
    OAUTH_UPDATE_NAME_ON_LOGIN: bool | None = None
    OAUTH_UPDATE_PICTURE_ON_LOGIN: bool | None = None
    OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE: bool | None = None


def current(config: Config) -> dict[str, Any]:
    """The fields as they stand, and whether they are kept beyond a restart."""
    found = {field: _shown(field, config.get(key)) for field, key in FIELDS.items()}
    return {**found, "ENABLE_OAUTH_PERSISTENT_CONFIG": config.persistent("oauth.enable")}


def _shown(field: str, value: Any) -> Any:
    if field in _LISTS and isinstance(value, list):
        return ",".join(str(one) for one in value)
    if field == "OAUTH_BLOCKED_GROUPS" and isinstance(value, list):
        return msgspec.json.encode(value).decode()  # a name may hold a comma
    return value


def updates(form: OAuthForm) -> dict[str, Any]:
    """The changes that a saved page asks for."""
    found: dict[str, Any] = {}
    for field, value in msgspec.structs.asdict(form).items():
        if value is None:
            continue
        if field in _LISTS:
            value = [one.strip() for one in value.split(",") if one.strip()]
        found[FIELDS[field]] = value
    return found
