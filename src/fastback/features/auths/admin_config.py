"""The administrator's settings of sign-in and capabilities: fields of the page, keys of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fastback.config import Config
from fastback.config.key import ConfigKey
from fastback.config.keys import auth as auth_keys
from fastback.config.keys import features as features_keys
from fastback.config.keys import interface as interface_keys
from fastback.kit.http.errors import Invalid

FIELDS: dict[str, ConfigKey] = {
    "ENABLE_MFA": auth_keys.AUTH_MFA_ENABLE,
    "MFA_ALLOW_OAUTH_BYPASS": auth_keys.AUTH_MFA_ALLOW_OAUTH_BYPASS,
    "MFA_ALLOW_TRUSTED_HEADER_BYPASS": auth_keys.AUTH_MFA_ALLOW_TRUSTED_HEADER_BYPASS,
    "SHOW_ADMIN_DETAILS": auth_keys.AUTH_ADMIN_SHOW,
    "ADMIN_EMAIL": auth_keys.AUTH_ADMIN_EMAIL,
    "WEBUI_URL": auth_keys.WEBUI_URL,
    "ENABLE_LOGIN_FORM": interface_keys.UI_ENABLE_LOGIN_FORM,
    "ENABLE_SIGNUP": interface_keys.UI_ENABLE_SIGNUP,
    "ENABLE_API_KEYS": auth_keys.AUTH_ENABLE_API_KEYS,
    "ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS": auth_keys.AUTH_API_KEY_ENDPOINT_RESTRICTIONS,
    "API_KEYS_ALLOWED_ENDPOINTS": auth_keys.AUTH_API_KEY_ALLOWED_ENDPOINTS,
    "DEFAULT_USER_ROLE": interface_keys.UI_DEFAULT_USER_ROLE,
    "DEFAULT_GROUP_ID": interface_keys.UI_DEFAULT_GROUP_ID,
    "DEFAULT_INTERFACE_SETTINGS": interface_keys.UI_DEFAULT_INTERFACE_SETTINGS,
    "I18N": interface_keys.UI_I18N,
    "JWT_EXPIRES_IN": auth_keys.AUTH_JWT_EXPIRY,
    "ENABLE_COMMUNITY_SHARING": interface_keys.UI_ENABLE_COMMUNITY_SHARING,
    "ENABLE_MESSAGE_RATING": interface_keys.UI_ENABLE_MESSAGE_RATING,
    "ENABLE_FOLDERS": features_keys.FOLDERS_ENABLE,
    "FOLDER_MAX_FILE_COUNT": features_keys.FOLDERS_MAX_FILE_COUNT,
    "AUTOMATION_MAX_COUNT": features_keys.AUTOMATIONS_MAX_COUNT,
    "AUTOMATION_MIN_INTERVAL": features_keys.AUTOMATIONS_MIN_INTERVAL,
    "ENABLE_AUTOMATIONS": features_keys.AUTOMATIONS_ENABLE,
    "ENABLE_CHANNELS": features_keys.CHANNELS_ENABLE,
    "ENABLE_ENCRYPTED_CHANNELS": features_keys.CHANNELS_ENCRYPTION_ENABLE,
    "ENABLE_APPS": features_keys.APPS_ENABLE,
    "CHANNEL_MODEL_RESPONSE_MODE": features_keys.CHANNELS_MODEL_RESPONSE_MODE,
    "ENABLE_CALENDAR": features_keys.CALENDAR_ENABLE,
    "ENABLE_MEMORIES": features_keys.MEMORIES_ENABLE,
    "ENABLE_MEMORY_SYSTEM_CONTEXT": features_keys.MEMORIES_SYSTEM_CONTEXT_ENABLE,
    "ENABLE_SKILL_LAZY_LOADING": features_keys.SKILLS_LAZY_LOADING_ENABLE,
    "SKILL_CONTENT_MAX_CHARS": features_keys.SKILLS_CONTENT_MAX_CHARS,
    "SKILL_PREVIEW_MAX_CHARS": features_keys.SKILLS_PREVIEW_MAX_CHARS,
    "ENABLE_NOTES": features_keys.NOTES_ENABLE,
    "ENABLE_USER_WEBHOOKS": interface_keys.UI_ENABLE_USER_WEBHOOKS,
    "ENABLE_USER_STATUS": features_keys.USERS_ENABLE_STATUS,
    "PENDING_USER_OVERLAY_TITLE": interface_keys.UI_PENDING_USER_OVERLAY_TITLE,
    "PENDING_USER_OVERLAY_CONTENT": interface_keys.UI_PENDING_USER_OVERLAY_CONTENT,
    "RESPONSE_WATERMARK": interface_keys.UI_WATERMARK,
}

_MFA = ("ENABLE_MFA", "MFA_ALLOW_OAUTH_BYPASS", "MFA_ALLOW_TRUSTED_HEADER_BYPASS")
_DURATION = re.compile(r"^(-1|0|(-?\d+(\.\d+)?)(ms|s|m|h|d|w))$")
_COUNTS = ("FOLDER_MAX_FILE_COUNT", "AUTOMATION_MAX_COUNT", "AUTOMATION_MIN_INTERVAL")


class AdminConfigForm(msgspec.Struct, kw_only=True):
    """The page as it is saved; fields that are left out stay as they were."""

    ENABLE_MFA: bool | UnsetType = UNSET
    MFA_ALLOW_OAUTH_BYPASS: bool | UnsetType = UNSET
    MFA_ALLOW_TRUSTED_HEADER_BYPASS: bool | UnsetType = UNSET
    SHOW_ADMIN_DETAILS: bool
    ADMIN_EMAIL: str | None = None
    WEBUI_URL: str
    ENABLE_LOGIN_FORM: bool | UnsetType = UNSET
    ENABLE_SIGNUP: bool
    ENABLE_API_KEYS: bool
    ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: bool
    API_KEYS_ALLOWED_ENDPOINTS: str
    DEFAULT_USER_ROLE: str
    DEFAULT_GROUP_ID: str
    DEFAULT_INTERFACE_SETTINGS: dict[str, Any] | None = None
    I18N: dict[str, dict[str, str]] | UnsetType = UNSET
    JWT_EXPIRES_IN: str
    ENABLE_COMMUNITY_SHARING: bool
    ENABLE_MESSAGE_RATING: bool
    ENABLE_FOLDERS: bool
    FOLDER_MAX_FILE_COUNT: int | str | None = None
    AUTOMATION_MAX_COUNT: int | str | None = None
    AUTOMATION_MIN_INTERVAL: int | str | None = None
    ENABLE_AUTOMATIONS: bool
    ENABLE_CHANNELS: bool
    ENABLE_ENCRYPTED_CHANNELS: bool | UnsetType = UNSET
    ENABLE_APPS: bool | UnsetType = UNSET
    CHANNEL_MODEL_RESPONSE_MODE: str = "thread"
    ENABLE_CALENDAR: bool
    ENABLE_MEMORIES: bool
    ENABLE_MEMORY_SYSTEM_CONTEXT: bool
    ENABLE_SKILL_LAZY_LOADING: bool | UnsetType = UNSET
    SKILL_CONTENT_MAX_CHARS: Annotated[int, Meta(gt=0)] | UnsetType | None = UNSET
    SKILL_PREVIEW_MAX_CHARS: Annotated[int, Meta(gt=0)] | UnsetType | None = UNSET
    ENABLE_NOTES: bool
    ENABLE_USER_WEBHOOKS: bool
    ENABLE_USER_STATUS: bool
    PENDING_USER_OVERLAY_TITLE: str | None = None
    PENDING_USER_OVERLAY_CONTENT: str | None = None
    RESPONSE_WATERMARK: str | None = None


def current(config: Config) -> dict[str, Any]:
    """The fields as they stand."""
    return {field: config.get(key) for field, key in FIELDS.items()}


def touches_mfa(form: AdminConfigForm) -> bool:
    return any(getattr(form, field) is not UNSET for field in _MFA)


def changes_mfa(form: AdminConfigForm, config: Config) -> bool:
    """Whether the policy on second factors becomes another: sessions made under the old one end then."""
    return any(getattr(form, field) not in (UNSET, config.flag(FIELDS[field])) for field in _MFA)


def updates(form: AdminConfigForm) -> dict[ConfigKey, Any]:
    """The changes that a saved page asks for; values that make no sense are left as they were, as in the reference.

    Raises:
        Invalid: a count that is none, or a translation that the page could not use.
    """
    found = {FIELDS[name]: value for name, value in msgspec.structs.asdict(form).items() if value is not UNSET}
    found[interface_keys.UI_DEFAULT_INTERFACE_SETTINGS] = form.DEFAULT_INTERFACE_SETTINGS or {}
    if form.I18N is not UNSET:
        found[interface_keys.UI_I18N] = _translations(form.I18N)
    for field in _COUNTS:
        found[FIELDS[field]] = _count(field, getattr(form, field))
    if form.DEFAULT_USER_ROLE not in ("pending", "user", "admin"):
        del found[interface_keys.UI_DEFAULT_USER_ROLE]
    if form.CHANNEL_MODEL_RESPONSE_MODE not in ("thread", "channel"):
        del found[features_keys.CHANNELS_MODEL_RESPONSE_MODE]
    if not _DURATION.match(form.JWT_EXPIRES_IN):
        del found[auth_keys.AUTH_JWT_EXPIRY]
    return found


def _count(field: str, value: int | str | None) -> int | str:
    """A number, or the empty text that stands for none."""
    try:
        return int(value) if value else ""
    except ValueError:
        words = "Input should be a valid integer, unable to parse string as an integer"
        raise Invalid.at(["body", field], words, kind="int_parsing", value=value) from None


_UNSAFE = frozenset({"__proto__", "prototype", "constructor"})
_PLACEHOLDER = re.compile(r"\{\{\s*-?\s*([^},]+)(?:,[^}]+)?\s*\}\}")


def _placeholders(text: str) -> set[str]:
    return {name.strip() for name in _PLACEHOLDER.findall(text)}


def _translations(given: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The texts by language that are there; each keeps the placeholders of the text it stands for.

    Raises:
        Invalid: a name that JavaScript would trip over, or other placeholders.
    """
    found: dict[str, dict[str, str]] = {}
    for language, entries in given.items():
        if not language.strip() or language in _UNSAFE:
            raise _no_translation(f"Invalid language: {language}", given)
        for key, text in entries.items():
            if not key.strip() or key in _UNSAFE:
                raise _no_translation(f"Invalid translation key: {key}", given)
            if not text.strip():
                continue
            if _placeholders(key) != _placeholders(text):
                raise _no_translation(f"Interpolation placeholders do not match: {language}: {key}", given)
            found.setdefault(language, {})[key] = text
    return found


def _no_translation(words: str, given: Any) -> Invalid:
    return Invalid.at(["body", "I18N"], f"Value error, {words}", value=given)
