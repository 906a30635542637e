"""The administrator's settings of sign-in and capabilities: fields of the page, keys of the configuration."""

from __future__ import annotations

import re
from typing import Any

from fastback.config import Config
from fastback.kit.http.errors import Invalid

FIELDS: dict[str, str] = {
    "ENABLE_MFA": "auth.mfa.enable",
    "MFA_ALLOW_OAUTH_BYPASS": "auth.mfa.allow_oauth_bypass",
    "MFA_ALLOW_TRUSTED_HEADER_BYPASS": "auth.mfa.allow_trusted_header_bypass",
    "SHOW_ADMIN_DETAILS": "auth.admin.show",
    "ADMIN_EMAIL": "auth.admin.email",
    "WEBUI_URL": "webui.url",
    "ENABLE_LOGIN_FORM": "ui.enable_login_form",
    "ENABLE_SIGNUP": "ui.enable_signup",
    "ENABLE_API_KEYS": "auth.enable_api_keys",
    "ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS": "auth.api_key.endpoint_restrictions",
    "API_KEYS_ALLOWED_ENDPOINTS": "auth.api_key.allowed_endpoints",
    "DEFAULT_USER_ROLE": "ui.default_user_role",
    "DEFAULT_GROUP_ID": "ui.default_group_id",
    "DEFAULT_INTERFACE_SETTINGS": "ui.default_interface_settings",
    "I18N": "ui.i18n",
    "JWT_EXPIRES_IN": "auth.jwt_expiry",
    "ENABLE_COMMUNITY_SHARING": "ui.enable_community_sharing",
    "ENABLE_MESSAGE_RATING": "ui.enable_message_rating",
    "ENABLE_FOLDERS": "folders.enable",
    "FOLDER_MAX_FILE_COUNT": "folders.max_file_count",
    "AUTOMATION_MAX_COUNT": "automations.max_count",
    "AUTOMATION_MIN_INTERVAL": "automations.min_interval",
    "ENABLE_AUTOMATIONS": "automations.enable",
    "ENABLE_CHANNELS": "channels.enable",
    "ENABLE_ENCRYPTED_CHANNELS": "channels.encryption.enable",
    "ENABLE_APPS": "apps.enable",
    "CHANNEL_MODEL_RESPONSE_MODE": "channels.model_response_mode",
    "ENABLE_CALENDAR": "calendar.enable",
    "ENABLE_MEMORIES": "memories.enable",
    "ENABLE_MEMORY_SYSTEM_CONTEXT": "memories.system_context.enable",
    "ENABLE_SKILL_LAZY_LOADING": "skills.lazy_loading.enable",
    "SKILL_CONTENT_MAX_CHARS": "skills.content_max_chars",
    "SKILL_PREVIEW_MAX_CHARS": "skills.preview_max_chars",
    "ENABLE_NOTES": "notes.enable",
    "ENABLE_USER_WEBHOOKS": "ui.enable_user_webhooks",
    "ENABLE_USER_STATUS": "users.enable_status",
    "PENDING_USER_OVERLAY_TITLE": "ui.pending_user_overlay_title",
    "PENDING_USER_OVERLAY_CONTENT": "ui.pending_user_overlay_content",
    "RESPONSE_WATERMARK": "ui.watermark",
}

_DURATION = re.compile(r"^(-1|0|(-?\d+(\.\d+)?)(ms|s|m|h|d|w))$")
_COUNTS = ("FOLDER_MAX_FILE_COUNT", "AUTOMATION_MAX_COUNT", "AUTOMATION_MIN_INTERVAL")
_REQUIRED_TEXTS = ("WEBUI_URL", "API_KEYS_ALLOWED_ENDPOINTS", "DEFAULT_USER_ROLE", "DEFAULT_GROUP_ID", "JWT_EXPIRES_IN")
_REQUIRED_FLAGS = (
    "SHOW_ADMIN_DETAILS",
    "ENABLE_SIGNUP",
    "ENABLE_API_KEYS",
    "ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS",
    "ENABLE_COMMUNITY_SHARING",
    "ENABLE_MESSAGE_RATING",
    "ENABLE_FOLDERS",
    "ENABLE_AUTOMATIONS",
    "ENABLE_CHANNELS",
    "ENABLE_CALENDAR",
    "ENABLE_MEMORIES",
    "ENABLE_MEMORY_SYSTEM_CONTEXT",
    "ENABLE_NOTES",
    "ENABLE_USER_WEBHOOKS",
    "ENABLE_USER_STATUS",
)


def current(config: Config) -> dict[str, Any]:
    """The fields as they stand."""
    return {field: config.get(key) for field, key in FIELDS.items()}


def updates(data: dict[str, Any]) -> dict[str, Any]:
    """The changes that a saved page asks for; values that make no sense are left as they were, as in the reference.

    Raises:
        Invalid: a required field is missing or of another type.
    """
    problems: list[dict[str, Any]] = []
    for field, kind, word in (
        *((one, str, "string") for one in _REQUIRED_TEXTS),
        *((one, bool, "boolean") for one in _REQUIRED_FLAGS),
    ):
        if field not in data:
            problems.append({"type": "missing", "loc": ["body", field], "msg": "Field required", "input": data})
        elif not isinstance(data[field], kind):
            message = f"Input should be a valid {word}"
            kind_name = "bool_parsing" if kind is bool else "string_type"
            problems.append({"type": kind_name, "loc": ["body", field], "msg": message, "input": data[field]})
    if problems:
        raise Invalid(problems)
    found = {FIELDS[field]: value for field, value in data.items() if field in FIELDS and field != "ENABLE_MFA"}
    found["ui.default_interface_settings"] = data.get("DEFAULT_INTERFACE_SETTINGS") or {}
    for field in _COUNTS:
        value = data.get(field)
        try:
            found[FIELDS[field]] = int(value) if value else ""
        except (TypeError, ValueError):
            raise Invalid.at(
                ["body", field], "Input should be a valid integer", kind="int_parsing", value=value
            ) from None
    if data["DEFAULT_USER_ROLE"] not in ("pending", "user", "admin"):
        del found["ui.default_user_role"]
    if data.get("CHANNEL_MODEL_RESPONSE_MODE", "thread") not in ("thread", "channel"):
        found.pop("channels.model_response_mode", None)
    if not _DURATION.match(data["JWT_EXPIRES_IN"]):
        del found["auth.jwt_expiry"]
    if not isinstance(data.get("I18N", {}), dict):
        raise Invalid.at(["body", "I18N"], "Input should be a valid dictionary", kind="dict_type", value=data["I18N"])
    return found
