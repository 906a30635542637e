"""The administrator's settings of sign-in and features: fields of the page, keys of the configuration."""

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
from fastback.kit.http.validation import StrictBool

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

_DURATION = re.compile(r"^(-1|0|(-?\d+(\.\d+)?)(ms|s|m|h|d|w))$")
_COUNTS = ("FOLDER_MAX_FILE_COUNT", "AUTOMATION_MAX_COUNT", "AUTOMATION_MIN_INTERVAL")


class AdminConfigForm(msgspec.Struct, kw_only=True):
    """A saved page; an absent field leaves its value unchanged."""

    ENABLE_MFA: StrictBool | UnsetType = UNSET
    MFA_ALLOW_OAUTH_BYPASS: StrictBool | UnsetType = UNSET
    MFA_ALLOW_TRUSTED_HEADER_BYPASS: StrictBool | UnsetType = UNSET
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


def read_page(config: Config) -> dict[str, Any]:
    """Return the fields with their current values."""
    return {field: config.get(key) for field, key in FIELDS.items()}


def collect_changes(form: AdminConfigForm) -> dict[ConfigKey, Any]:
    """Return the configuration values of a saved page, by key; invalid values are skipped, as in the reference.

    Raises:
        Invalid: a count is not a number, or a translation cannot be used by the page.
    """
    changes = {FIELDS[name]: value for name, value in msgspec.structs.asdict(form).items() if value is not UNSET}
    changes[interface_keys.UI_DEFAULT_INTERFACE_SETTINGS] = form.DEFAULT_INTERFACE_SETTINGS or {}
    if form.I18N is not UNSET:
        changes[interface_keys.UI_I18N] = _filter_translations(form.I18N)
    for field in _COUNTS:
        changes[FIELDS[field]] = _parse_count(field, getattr(form, field))
    if form.DEFAULT_USER_ROLE not in ("pending", "user", "admin"):
        del changes[interface_keys.UI_DEFAULT_USER_ROLE]
    if form.CHANNEL_MODEL_RESPONSE_MODE not in ("thread", "channel"):
        del changes[features_keys.CHANNELS_MODEL_RESPONSE_MODE]
    if not _DURATION.match(form.JWT_EXPIRES_IN):
        del changes[auth_keys.AUTH_JWT_EXPIRY]
    return changes


def _parse_count(field: str, value: int | str | None) -> int | str:
    """Return the number; an absent count is stored as an empty text."""
    try:
        return int(value) if value else ""
    except ValueError:
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise Invalid.at(["body", field], message, kind="int_parsing", value=value) from None


_UNSAFE = frozenset({"__proto__", "prototype", "constructor"})
_PLACEHOLDER = re.compile(r"\{\{([^{},]+)(?:,[^{}]+)?\}\}")


def _find_placeholders(text: str) -> set[str]:
    return {name.strip().removeprefix("-").strip() for name in _PLACEHOLDER.findall(text)}


def _filter_translations(translations: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return the non-empty texts by language and key; the key is the original text.

    Raises:
        Invalid: a name would pollute JavaScript's prototypes, or a text has other placeholders than its original.
    """
    texts: dict[str, dict[str, str]] = {}
    for language, entries in translations.items():
        if not language.strip() or language in _UNSAFE:
            raise _build_translation_error(f"Invalid language: {language}", translations)
        for key, text in entries.items():
            if not key.strip() or key in _UNSAFE:
                raise _build_translation_error(f"Invalid translation key: {key}", translations)
            if not text.strip():
                continue
            if _find_placeholders(key) != _find_placeholders(text):
                raise _build_translation_error(
                    f"Interpolation placeholders do not match: {language}: {key}", translations
                )
            texts.setdefault(language, {})[key] = text
    return texts


def _build_translation_error(message: str, translations: Any) -> Invalid:
    return Invalid.at(["body", "I18N"], f"Value error, {message}", value=translations)
