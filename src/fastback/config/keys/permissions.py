"""Default permissions of users: the nested object `user.permissions`, with a variable for each permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastback.config import variable_parsing
from fastback.config.key import DerivedDefault, define_key

#: Path of a permission in the object, its variable, its default.
PERMISSION_DEFAULTS: list[tuple[str, str, bool]] = [
    ("workspace.models", "USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS", False),
    ("workspace.knowledge", "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ACCESS", False),
    ("workspace.prompts", "USER_PERMISSIONS_WORKSPACE_PROMPTS_ACCESS", False),
    ("workspace.tools", "USER_PERMISSIONS_WORKSPACE_TOOLS_ACCESS", False),
    ("workspace.skills", "USER_PERMISSIONS_WORKSPACE_SKILLS_ACCESS", False),
    ("workspace.models_import", "USER_PERMISSIONS_WORKSPACE_MODELS_IMPORT", False),
    ("workspace.models_export", "USER_PERMISSIONS_WORKSPACE_MODELS_EXPORT", False),
    ("workspace.models_hidden", "USER_PERMISSIONS_WORKSPACE_MODELS_HIDDEN", False),
    ("workspace.prompts_import", "USER_PERMISSIONS_WORKSPACE_PROMPTS_IMPORT", False),
    ("workspace.prompts_export", "USER_PERMISSIONS_WORKSPACE_PROMPTS_EXPORT", False),
    ("workspace.tools_import", "USER_PERMISSIONS_WORKSPACE_TOOLS_IMPORT", False),
    ("workspace.tools_export", "USER_PERMISSIONS_WORKSPACE_TOOLS_EXPORT", False),
    ("workspace.skills_import", "USER_PERMISSIONS_WORKSPACE_SKILLS_IMPORT", False),
    ("workspace.skills_export", "USER_PERMISSIONS_WORKSPACE_SKILLS_EXPORT", False),
    ("sharing.models", "USER_PERMISSIONS_WORKSPACE_MODELS_ALLOW_SHARING", False),
    ("sharing.public_models", "USER_PERMISSIONS_WORKSPACE_MODELS_ALLOW_PUBLIC_SHARING", False),
    ("sharing.knowledge", "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_SHARING", False),
    ("sharing.public_knowledge", "USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ALLOW_PUBLIC_SHARING", False),
    ("sharing.prompts", "USER_PERMISSIONS_WORKSPACE_PROMPTS_ALLOW_SHARING", False),
    ("sharing.public_prompts", "USER_PERMISSIONS_WORKSPACE_PROMPTS_ALLOW_PUBLIC_SHARING", False),
    ("sharing.tools", "USER_PERMISSIONS_WORKSPACE_TOOLS_ALLOW_SHARING", False),
    ("sharing.public_tools", "USER_PERMISSIONS_WORKSPACE_TOOLS_ALLOW_PUBLIC_SHARING", False),
    ("sharing.skills", "USER_PERMISSIONS_WORKSPACE_SKILLS_ALLOW_SHARING", False),
    ("sharing.public_skills", "USER_PERMISSIONS_WORKSPACE_SKILLS_ALLOW_PUBLIC_SHARING", False),
    ("sharing.notes", "USER_PERMISSIONS_NOTES_ALLOW_SHARING", False),
    ("sharing.public_notes", "USER_PERMISSIONS_NOTES_ALLOW_PUBLIC_SHARING", False),
    ("sharing.folders", "USER_PERMISSIONS_FOLDERS_ALLOW_SHARING", False),
    ("sharing.public_chats", "USER_PERMISSIONS_CHAT_ALLOW_PUBLIC_SHARING", False),
    ("sharing.open_chats", "USER_PERMISSIONS_CHAT_ALLOW_OPEN_SHARING", False),
    ("sharing.public_calendars", "USER_PERMISSIONS_CALENDAR_ALLOW_PUBLIC_SHARING", False),
    ("access_grants.allow_users", "USER_PERMISSIONS_ACCESS_GRANTS_ALLOW_USERS", True),
    ("access_grants.allow_groups", "USER_PERMISSIONS_ACCESS_GRANTS_ALLOW_GROUPS", True),
    ("chat.controls", "USER_PERMISSIONS_CHAT_CONTROLS", True),
    ("chat.valves", "USER_PERMISSIONS_CHAT_VALVES", True),
    ("chat.system_prompt", "USER_PERMISSIONS_CHAT_SYSTEM_PROMPT", True),
    ("chat.params", "USER_PERMISSIONS_CHAT_PARAMS", True),
    ("chat.file_upload", "USER_PERMISSIONS_CHAT_FILE_UPLOAD", True),
    ("chat.web_upload", "USER_PERMISSIONS_CHAT_WEB_UPLOAD", True),
    ("chat.delete", "USER_PERMISSIONS_CHAT_DELETE", True),
    ("chat.delete_message", "USER_PERMISSIONS_CHAT_DELETE_MESSAGE", True),
    ("chat.continue_response", "USER_PERMISSIONS_CHAT_CONTINUE_RESPONSE", True),
    ("chat.regenerate_response", "USER_PERMISSIONS_CHAT_REGENERATE_RESPONSE", True),
    ("chat.rate_response", "USER_PERMISSIONS_CHAT_RATE_RESPONSE", True),
    ("chat.edit", "USER_PERMISSIONS_CHAT_EDIT", True),
    ("chat.share", "USER_PERMISSIONS_CHAT_SHARE", True),
    ("chat.export", "USER_PERMISSIONS_CHAT_EXPORT", True),
    ("chat.import", "USER_PERMISSIONS_CHAT_IMPORT", True),
    ("chat.stt", "USER_PERMISSIONS_CHAT_STT", True),
    ("chat.tts", "USER_PERMISSIONS_CHAT_TTS", True),
    ("chat.call", "USER_PERMISSIONS_CHAT_CALL", True),
    ("chat.multiple_models", "USER_PERMISSIONS_CHAT_MULTIPLE_MODELS", True),
    ("chat.temporary", "USER_PERMISSIONS_CHAT_TEMPORARY", True),
    ("chat.temporary_enforced", "USER_PERMISSIONS_CHAT_TEMPORARY_ENFORCED", False),
    ("features.api_keys", "USER_PERMISSIONS_FEATURES_API_KEYS", False),
    ("features.notes", "USER_PERMISSIONS_FEATURES_NOTES", True),
    ("features.folders", "USER_PERMISSIONS_FEATURES_FOLDERS", True),
    ("features.channels", "USER_PERMISSIONS_FEATURES_CHANNELS", True),
    ("features.encrypted_channels", "USER_PERMISSIONS_FEATURES_ENCRYPTED_CHANNELS", False),
    ("features.direct_tool_servers", "USER_PERMISSIONS_FEATURES_DIRECT_TOOL_SERVERS", False),
    ("features.web_search", "USER_PERMISSIONS_FEATURES_WEB_SEARCH", True),
    ("features.image_generation", "USER_PERMISSIONS_FEATURES_IMAGE_GENERATION", True),
    ("features.code_interpreter", "USER_PERMISSIONS_FEATURES_CODE_INTERPRETER", True),
    ("features.memories", "USER_PERMISSIONS_FEATURES_MEMORIES", True),
    ("features.automations", "USER_PERMISSIONS_FEATURES_AUTOMATIONS", False),
    ("features.calendar", "USER_PERMISSIONS_FEATURES_CALENDAR", True),
    ("features.webhooks", "USER_PERMISSIONS_FEATURES_USER_WEBHOOKS", False),
    ("settings.interface", "USER_PERMISSIONS_SETTINGS_INTERFACE", True),
]


def build_default_permissions(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the nested object of all permissions under these variables."""
    permissions: dict[str, Any] = {}
    for path, variable, fallback in PERMISSION_DEFAULTS:
        section, _, name = path.partition(".")
        text = env.get(variable)
        permissions.setdefault(section, {})[name] = fallback if text is None else variable_parsing.parse_flag(text)
    return permissions


USER_PERMISSIONS = define_key(
    "user.permissions",
    (),
    DerivedDefault(
        build_default_permissions, tuple(variable for _, variable, _ in PERMISSION_DEFAULTS), "the table of permissions"
    ),
)
