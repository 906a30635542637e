"""The administrator's settings of OAuth: fields of the page, keys of the configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import oauth as oauth_keys

FIELDS: dict[str, ConfigKey] = {
    "ENABLE_OAUTH": oauth_keys.OAUTH_ENABLE,
    "ENABLE_OAUTH_SIGNUP": oauth_keys.OAUTH_ENABLE_SIGNUP,
    "OAUTH_MERGE_ACCOUNTS_BY_EMAIL": oauth_keys.OAUTH_MERGE_ACCOUNTS_BY_EMAIL,
    "OAUTH_AUTO_REDIRECT": oauth_keys.OAUTH_AUTO_REDIRECT,
    "OAUTH_ALLOWED_DOMAINS": oauth_keys.OAUTH_ALLOWED_DOMAINS,
    "OAUTH_BLOCKED_GROUPS": oauth_keys.OAUTH_BLOCKED_GROUPS,
    "ENABLE_OAUTH_ROLE_MANAGEMENT": oauth_keys.OAUTH_ENABLE_ROLE_MAPPING,
    "OAUTH_ROLES_CLAIM": oauth_keys.OAUTH_ROLES_CLAIM,
    "OAUTH_ADMIN_ROLES": oauth_keys.OAUTH_ADMIN_ROLES,
    "OAUTH_ALLOWED_ROLES": oauth_keys.OAUTH_ALLOWED_ROLES,
    "ENABLE_OAUTH_GROUP_MANAGEMENT": oauth_keys.OAUTH_ENABLE_GROUP_MAPPING,
    "ENABLE_OAUTH_GROUP_CREATION": oauth_keys.OAUTH_ENABLE_GROUP_CREATION,
    "OAUTH_GROUP_CLAIM": oauth_keys.OAUTH_GROUP_CLAIM,
    "OAUTH_GROUP_DEFAULT_SHARE": oauth_keys.OAUTH_GROUP_DEFAULT_SHARE,
    "OAUTH_PROVIDER_NAME": oauth_keys.OAUTH_PROVIDER_NAME,
    "OPENID_PROVIDER_URL": oauth_keys.OAUTH_PROVIDER_URL,
    "OAUTH_CLIENT_ID": oauth_keys.OAUTH_CLIENT_ID,
    "OAUTH_CLIENT_SECRET": oauth_keys.OAUTH_CLIENT_SECRET,
    "OPENID_REDIRECT_URI": oauth_keys.OAUTH_REDIRECT_URI,
    "OAUTH_SCOPES": oauth_keys.OAUTH_SCOPES,
    "OAUTH_CODE_CHALLENGE_METHOD": oauth_keys.OAUTH_CODE_CHALLENGE_METHOD,
    "OAUTH_TOKEN_ENDPOINT_AUTH_METHOD": oauth_keys.OAUTH_TOKEN_ENDPOINT_AUTH_METHOD,
    "OPENID_END_SESSION_ENDPOINT": oauth_keys.OAUTH_END_SESSION_ENDPOINT,
    "OAUTH_TIMEOUT": oauth_keys.OAUTH_TIMEOUT,
    "OAUTH_CLIENT_TIMEOUT": oauth_keys.OAUTH_CLIENT_TIMEOUT,
    "OAUTH_EMAIL_CLAIM": oauth_keys.OAUTH_EMAIL_CLAIM,
    "OAUTH_USERNAME_CLAIM": oauth_keys.OAUTH_USERNAME_CLAIM,
    "OAUTH_PICTURE_CLAIM": oauth_keys.OAUTH_PICTURE_CLAIM,
    "OAUTH_SUB_CLAIM": oauth_keys.OAUTH_SUB_CLAIM,
    "OAUTH_AUDIENCE": oauth_keys.OAUTH_AUDIENCE,
    "OAUTH_UPDATE_EMAIL_ON_LOGIN": oauth_keys.OAUTH_UPDATE_EMAIL_ON_LOGIN,
    "OAUTH_UPDATE_NAME_ON_LOGIN": oauth_keys.OAUTH_UPDATE_NAME_ON_LOGIN,
    "OAUTH_UPDATE_PICTURE_ON_LOGIN": oauth_keys.OAUTH_UPDATE_PICTURE_ON_LOGIN,
    "OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE": oauth_keys.OAUTH_REFRESH_TOKEN_INCLUDE_SCOPE,
}

#: Lists that the page shows as text with commas.
_LISTS = frozenset({"OAUTH_ALLOWED_DOMAINS", "OAUTH_ADMIN_ROLES", "OAUTH_ALLOWED_ROLES"})


class OAuthForm(msgspec.Struct):
    """The fields to change; an absent or null field leaves its value unchanged."""

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


def read_page(config: Config) -> dict[str, Any]:
    """Return the fields with their current values, and whether they are stored beyond a restart."""
    fields = {field: _format_value(field, config.get(key)) for field, key in FIELDS.items()}
    return {**fields, "ENABLE_OAUTH_PERSISTENT_CONFIG": config.is_persistent(oauth_keys.OAUTH_ENABLE)}


def _format_value(field: str, value: Any) -> Any:
    if field in _LISTS and isinstance(value, list):
        return ",".join(str(item) for item in value)
    if field == "OAUTH_BLOCKED_GROUPS" and isinstance(value, list):
        return msgspec.json.encode(value).decode()  # a name may hold a comma
    return value


def collect_changes(form: OAuthForm) -> dict[str, Any]:
    """Return the configuration values of a saved page, by key."""
    changes: dict[str, Any] = {}
    for field, value in msgspec.structs.asdict(form).items():
        if value is None:
            continue
        if field in _LISTS:
            value = [item.strip() for item in value.split(",") if item.strip()]
        changes[FIELDS[field]] = value
    return changes
