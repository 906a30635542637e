"""Capabilities switched on and off: keys, variables, defaults."""

from typing import Any

from fastback.config import variable_parsing
from fastback.config.key import Key

KEYS = [
    Key("skills.lazy_loading.enable", ("ENABLE_SKILL_LAZY_LOADING",), False),
    Key("skills.content_max_chars", ("SKILL_CONTENT_MAX_CHARS",), None, variable_parsing.POSITIVE),
    Key("skills.preview_max_chars", ("SKILL_PREVIEW_MAX_CHARS",), None, variable_parsing.POSITIVE),
    Key("memories.enable", ("ENABLE_MEMORIES",), True),
    Key("memories.system_context.enable", ("ENABLE_MEMORY_SYSTEM_CONTEXT",), True),
    Key("memories.background_review.enable", ("ENABLE_MEMORY_BACKGROUND_REVIEW",), False),
    Key("memories.review_interval_turns", ("MEMORIES_REVIEW_INTERVAL_TURNS",), 10),
    Key("memories.user_char_limit", ("MEMORIES_USER_CHAR_LIMIT",), 2000),
    Key("memories.context_char_limit", ("MEMORIES_CONTEXT_CHAR_LIMIT",), 2000),
    Key("google_drive.enable", ("ENABLE_GOOGLE_DRIVE_INTEGRATION",), False),
    Key("google_drive.client_id", ("GOOGLE_DRIVE_CLIENT_ID",), ""),
    Key("google_drive.api_key", ("GOOGLE_DRIVE_API_KEY",), ""),
    Key("onedrive.enable", ("ENABLE_ONEDRIVE_INTEGRATION",), False),
    Key("onedrive.sharepoint_url", ("ONEDRIVE_SHAREPOINT_URL",), ""),
    Key("onedrive.sharepoint_tenant_id", ("ONEDRIVE_SHAREPOINT_TENANT_ID",), ""),
    Key("folders.enable", ("ENABLE_FOLDERS",), True),
    Key("folders.max_file_count", ("FOLDER_MAX_FILE_COUNT",), ""),
    Key("channels.enable", ("ENABLE_CHANNELS",), False),
    Key("channels.encryption.enable", ("ENABLE_ENCRYPTED_CHANNELS",), False),
    Key("apps.enable", ("ENABLE_APPS",), False),
    Key("channels.model_response_mode", ("CHANNEL_MODEL_RESPONSE_MODE",), "thread"),
    Key("calendar.enable", ("ENABLE_CALENDAR",), True),
    Key("automations.enable", ("ENABLE_AUTOMATIONS",), True),
    Key("automations.max_count", ("AUTOMATION_MAX_COUNT",), ""),
    Key("automations.min_interval", ("AUTOMATION_MIN_INTERVAL",), ""),
    Key("automations.auth_token_expires_in", ("AUTOMATION_AUTH_TOKEN_EXPIRES_IN",), "1h"),
    Key("notes.enable", ("ENABLE_NOTES",), True),
    Key("users.enable_status", ("ENABLE_USER_STATUS",), True),
    Key("evaluation.arena.enable", ("ENABLE_EVALUATION_ARENA_MODELS",), False),
    Key(
        "evaluation.arena.models",
        ("EVALUATION_ARENA_MODELS",),
        [],
        variable_parsing.typed(list[dict[str, Any]], "a JSON list of objects"),
    ),
]
