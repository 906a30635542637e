"""Keys of features."""

from typing import Any

from fastback.config import variable_parsing
from fastback.config.key import define_key

SKILLS_LAZY_LOADING_ENABLE = define_key("skills.lazy_loading.enable", ("ENABLE_SKILL_LAZY_LOADING",), False)
SKILLS_CONTENT_MAX_CHARS = define_key(
    "skills.content_max_chars", ("SKILL_CONTENT_MAX_CHARS",), None, variable_parsing.POSITIVE_INTEGER
)
SKILLS_PREVIEW_MAX_CHARS = define_key(
    "skills.preview_max_chars", ("SKILL_PREVIEW_MAX_CHARS",), None, variable_parsing.POSITIVE_INTEGER
)
MEMORIES_ENABLE = define_key("memories.enable", ("ENABLE_MEMORIES",), True)
MEMORIES_SYSTEM_CONTEXT_ENABLE = define_key("memories.system_context.enable", ("ENABLE_MEMORY_SYSTEM_CONTEXT",), True)
MEMORIES_BACKGROUND_REVIEW_ENABLE = define_key(
    "memories.background_review.enable", ("ENABLE_MEMORY_BACKGROUND_REVIEW",), False
)
MEMORIES_REVIEW_INTERVAL_TURNS = define_key("memories.review_interval_turns", ("MEMORIES_REVIEW_INTERVAL_TURNS",), 10)
MEMORIES_USER_CHAR_LIMIT = define_key("memories.user_char_limit", ("MEMORIES_USER_CHAR_LIMIT",), 2000)
MEMORIES_CONTEXT_CHAR_LIMIT = define_key("memories.context_char_limit", ("MEMORIES_CONTEXT_CHAR_LIMIT",), 2000)
GOOGLE_DRIVE_ENABLE = define_key("google_drive.enable", ("ENABLE_GOOGLE_DRIVE_INTEGRATION",), False)
GOOGLE_DRIVE_CLIENT_ID = define_key("google_drive.client_id", ("GOOGLE_DRIVE_CLIENT_ID",), "")
GOOGLE_DRIVE_API_KEY = define_key("google_drive.api_key", ("GOOGLE_DRIVE_API_KEY",), "")
ONEDRIVE_ENABLE = define_key("onedrive.enable", ("ENABLE_ONEDRIVE_INTEGRATION",), False)
ONEDRIVE_SHAREPOINT_URL = define_key("onedrive.sharepoint_url", ("ONEDRIVE_SHAREPOINT_URL",), "")
ONEDRIVE_SHAREPOINT_TENANT_ID = define_key("onedrive.sharepoint_tenant_id", ("ONEDRIVE_SHAREPOINT_TENANT_ID",), "")
FOLDERS_ENABLE = define_key("folders.enable", ("ENABLE_FOLDERS",), True)
FOLDERS_MAX_FILE_COUNT = define_key("folders.max_file_count", ("FOLDER_MAX_FILE_COUNT",), "")
CHANNELS_ENABLE = define_key("channels.enable", ("ENABLE_CHANNELS",), False)
CHANNELS_ENCRYPTION_ENABLE = define_key("channels.encryption.enable", ("ENABLE_ENCRYPTED_CHANNELS",), False)
APPS_ENABLE = define_key("apps.enable", ("ENABLE_APPS",), False)
CHANNELS_MODEL_RESPONSE_MODE = define_key("channels.model_response_mode", ("CHANNEL_MODEL_RESPONSE_MODE",), "thread")
CALENDAR_ENABLE = define_key("calendar.enable", ("ENABLE_CALENDAR",), True)
AUTOMATIONS_ENABLE = define_key("automations.enable", ("ENABLE_AUTOMATIONS",), True)
AUTOMATIONS_MAX_COUNT = define_key("automations.max_count", ("AUTOMATION_MAX_COUNT",), "")
AUTOMATIONS_MIN_INTERVAL = define_key("automations.min_interval", ("AUTOMATION_MIN_INTERVAL",), "")
AUTOMATIONS_AUTH_TOKEN_EXPIRES_IN = define_key(
    "automations.auth_token_expires_in", ("AUTOMATION_AUTH_TOKEN_EXPIRES_IN",), "1h"
)
NOTES_ENABLE = define_key("notes.enable", ("ENABLE_NOTES",), True)
USERS_ENABLE_STATUS = define_key("users.enable_status", ("ENABLE_USER_STATUS",), True)
EVALUATION_ARENA_ENABLE = define_key("evaluation.arena.enable", ("ENABLE_EVALUATION_ARENA_MODELS",), False)
EVALUATION_ARENA_MODELS = define_key(
    "evaluation.arena.models",
    ("EVALUATION_ARENA_MODELS",),
    [],
    variable_parsing.build_json_parser(list[dict[str, Any]], "a JSON list of objects"),
)
