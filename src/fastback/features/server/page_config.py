"""The body of `GET /api/config`, by role of the user."""

from __future__ import annotations

from typing import Any

from fastback import REFERENCE_VERSION
from fastback.config import Config
from fastback.config.keys import audio as audio_keys
from fastback.config.keys import features as features_keys
from fastback.config.keys import interface as interface_keys
from fastback.config.keys.auth import AUTH_ENABLE_API_KEYS
from fastback.config.keys.chat import CHAT_CONTEXT_COMPACTION_ENABLE, CHAT_TOOL_PERMISSIONS_ENABLE, SUBAGENTS_ENABLE
from fastback.config.keys.code import (
    CODE_EXECUTION_ENABLE,
    CODE_EXECUTION_ENGINE,
    CODE_INTERPRETER_ENABLE,
    CODE_INTERPRETER_ENGINE,
)
from fastback.config.keys.connections import DIRECT_ENABLE, DIRECT_INTEGRATIONS_ENABLE, TERMINAL_SERVER_CONNECTIONS
from fastback.config.keys.images import IMAGE_GENERATION_ENABLE
from fastback.config.keys.ldap import LDAP_ENABLE
from fastback.config.keys.oauth import OAUTH_AUTO_REDIRECT
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.config.keys.retrieval import (
    FILE_IMAGE_COMPRESSION_HEIGHT,
    FILE_IMAGE_COMPRESSION_WIDTH,
    RAG_FILE_MAX_COUNT,
    RAG_FILE_MAX_SIZE,
)
from fastback.config.keys.tasks import (
    TASK_AUTOCOMPLETE_ENABLE,
    TASK_FOLLOW_UP_ENABLE,
    TASK_TAGS_ENABLE,
    TASK_TITLE_ENABLE,
)
from fastback.config.keys.web import WEB_SEARCH_CONFIRMATION_CONTENT, WEB_SEARCH_CONFIRMATION_ENABLE, WEB_SEARCH_ENABLE
from fastback.features.oauth.providers import Providers
from fastback.settings import Settings


def _build_public_features(settings: Settings, config: Config) -> dict[str, Any]:
    features: dict[str, Any] = {
        "slim": False,
        "auth": settings.webui_auth,
        "auth_trusted_header": bool(settings.webui_auth_trusted_email_header),
        "enable_signup_password_confirmation": settings.enable_signup_password_confirmation,
        "enable_ldap": config.get(LDAP_ENABLE),
        "enable_signup": config.get(interface_keys.UI_ENABLE_SIGNUP),
        "enable_login_form": config.get(interface_keys.UI_ENABLE_LOGIN_FORM),
        "enable_websocket": settings.enable_websocket_support,
    }
    if settings.websocket_heartbeat_interval is not None:
        features["websocket_heartbeat_interval"] = settings.websocket_heartbeat_interval
    return features


def _build_member_features(settings: Settings, config: Config) -> dict[str, Any]:
    terminals = config.get_list(TERMINAL_SERVER_CONNECTIONS)
    features: dict[str, Any] = {
        "enable_api_keys": config.get(AUTH_ENABLE_API_KEYS),
        "enable_password_change_form": config.get(interface_keys.UI_ENABLE_PASSWORD_CHANGE_FORM),
        "enable_version_update_check": settings.enable_version_update_check,
        "enable_pyodide_file_persistence": settings.enable_pyodide_file_persistence,
        "enable_public_active_users_count": settings.enable_public_active_users_count,
        "enable_easter_eggs": settings.enable_easter_eggs,
        "enable_direct_connections": config.get(DIRECT_ENABLE),
        "enable_direct_integrations": settings.enable_tool_servers and config.get(DIRECT_INTEGRATIONS_ENABLE),
        "enable_plugins": settings.enable_plugins,
        "enable_tools": settings.enable_tools,
        "enable_functions": settings.enable_functions,
        "enable_tool_servers": settings.enable_tool_servers,
        "enable_terminal_servers": settings.enable_tool_servers
        and any(connection.get("enabled", True) for connection in terminals if isinstance(connection, dict)),
        "enable_folders": config.get(features_keys.FOLDERS_ENABLE),
        "folder_max_file_count": config.get(features_keys.FOLDERS_MAX_FILE_COUNT),
        "enable_channels": config.get(features_keys.CHANNELS_ENABLE),
        "enable_encrypted_channels": config.get(features_keys.CHANNELS_ENCRYPTION_ENABLE),
        "enable_apps": config.get(features_keys.APPS_ENABLE),
        "enable_calendar": config.get(features_keys.CALENDAR_ENABLE),
        "enable_automations": config.get(features_keys.AUTOMATIONS_ENABLE),
        "enable_notes": config.get(features_keys.NOTES_ENABLE),
        "enable_context_compaction": config.get(CHAT_CONTEXT_COMPACTION_ENABLE),
        "enable_tool_permissions": config.get(CHAT_TOOL_PERMISSIONS_ENABLE),
        "enable_web_search": config.get(WEB_SEARCH_ENABLE),
        "enable_web_search_confirmation": config.get(WEB_SEARCH_CONFIRMATION_ENABLE),
        "web_search_confirmation_content": config.get(WEB_SEARCH_CONFIRMATION_CONTENT),
        "enable_code_execution": config.get(CODE_EXECUTION_ENABLE),
        "enable_code_interpreter": config.get(CODE_INTERPRETER_ENABLE),
        "enable_image_generation": config.get(IMAGE_GENERATION_ENABLE),
        "enable_autocomplete_generation": config.get(TASK_AUTOCOMPLETE_ENABLE),
        "enable_title_generation": config.get(TASK_TITLE_ENABLE),
        "enable_follow_up_generation": config.get(TASK_FOLLOW_UP_ENABLE),
        "enable_tags_generation": config.get(TASK_TAGS_ENABLE),
        "enable_community_sharing": config.get(interface_keys.UI_ENABLE_COMMUNITY_SHARING),
        "enable_message_rating": config.get(interface_keys.UI_ENABLE_MESSAGE_RATING),
        "enable_user_webhooks": config.get(interface_keys.UI_ENABLE_USER_WEBHOOKS),
        "enable_user_status": config.get(features_keys.USERS_ENABLE_STATUS),
        "enable_admin_export": settings.enable_admin_export,
        "enable_admin_chat_access": settings.enable_admin_chat_access,
        "enable_admin_analytics": settings.enable_admin_analytics,
        "enable_google_drive_integration": config.get(features_keys.GOOGLE_DRIVE_ENABLE),
        "enable_onedrive_integration": config.get(features_keys.ONEDRIVE_ENABLE),
        "enable_memories": config.get(features_keys.MEMORIES_ENABLE),
        "enable_subagents": config.get(SUBAGENTS_ENABLE),
    }
    if config.get(features_keys.ONEDRIVE_ENABLE):
        private, business = settings.onedrive_client_id_personal, settings.onedrive_client_id_business
        features["enable_onedrive_personal"] = settings.enable_onedrive_personal and bool(private)
        features["enable_onedrive_business"] = settings.enable_onedrive_business and bool(business)
    return features


def _build_verified_sections(settings: Settings, config: Config, default_models: str | None) -> dict[str, Any]:
    return {
        "default_models": default_models,
        "default_pinned_models": config.get(interface_keys.UI_DEFAULT_PINNED_MODELS),
        "default_prompt_suggestions": config.get(interface_keys.UI_PROMPT_SUGGESTIONS),
        "default_prompt_suggestions_i18n": config.get(interface_keys.UI_PROMPT_SUGGESTIONS_I18N),
        "code": {
            "engine": config.get(CODE_EXECUTION_ENGINE),
            "interpreter_engine": config.get(CODE_INTERPRETER_ENGINE),
        },
        "audio": {
            "realtime": {
                "enabled": config.get(audio_keys.AUDIO_REALTIME_ENABLED),
                "model": config.get(audio_keys.AUDIO_REALTIME_MODEL),
                "voice": config.get(audio_keys.AUDIO_REALTIME_VOICE),
            },
            "tts": {
                "engine": config.get(audio_keys.AUDIO_TTS_ENGINE),
                "voice": config.get(audio_keys.AUDIO_TTS_VOICE),
                "split_on": config.get(audio_keys.AUDIO_TTS_SPLIT_ON),
            },
            "stt": {"engine": config.get(audio_keys.AUDIO_STT_ENGINE)},
        },
        "file": {
            "max_size": config.get(RAG_FILE_MAX_SIZE),
            "max_count": config.get(RAG_FILE_MAX_COUNT),
            "image_compression": {
                "width": config.get(FILE_IMAGE_COMPRESSION_WIDTH),
                "height": config.get(FILE_IMAGE_COMPRESSION_HEIGHT),
            },
        },
        "permissions": dict(config.get_object(USER_PERMISSIONS)),
        "google_drive": {
            # The values of the environment, even if other values are stored.
            "client_id": config.get_default(features_keys.GOOGLE_DRIVE_CLIENT_ID),
            "api_key": config.get_default(features_keys.GOOGLE_DRIVE_API_KEY),
        },
        "onedrive": {
            "client_id_personal": settings.onedrive_client_id_personal,
            "client_id_business": settings.onedrive_client_id_business,
            "sharepoint_url": config.get(features_keys.ONEDRIVE_SHAREPOINT_URL),
            "sharepoint_tenant_id": config.get(features_keys.ONEDRIVE_SHAREPOINT_TENANT_ID),
        },
        "ui": {
            "default_interface_settings": config.get(interface_keys.UI_DEFAULT_INTERFACE_SETTINGS),
            "visibility": config.get(interface_keys.UI_VISIBILITY),
            "pending_user_overlay_title": config.get(interface_keys.UI_PENDING_USER_OVERLAY_TITLE),
            "pending_user_overlay_content": config.get(interface_keys.UI_PENDING_USER_OVERLAY_CONTENT),
            "response_watermark": config.get(interface_keys.UI_WATERMARK),
            "iframe_csp": settings.iframe_csp,
        },
        "license_metadata": None,
    }


def build_page_config(
    settings: Settings, config: Config, *, role: str | None, onboarding: bool, default_models: str | None = None
) -> dict[str, Any]:
    """Return the body for a role; None is an anonymous visitor. `default_models` replaces the global default models."""
    body: dict[str, Any] = {"onboarding": True} if onboarding else {}
    body |= {
        "status": True,
        "name": settings.webui_name,
        "version": REFERENCE_VERSION,
        "default_locale": settings.default_locale,
        "i18n": config.get(interface_keys.UI_I18N) or {},
        "oauth": {
            "providers": Providers(config, settings).list_labels(),
            "auto_redirect": config.get(OAUTH_AUTO_REDIRECT),
        },
        "features": _build_public_features(settings, config),
    }
    if role is not None:
        body["features"] |= _build_member_features(settings, config)
    if role in ("admin", "user"):
        body |= _build_verified_sections(
            settings, config, default_models or config.get(interface_keys.UI_DEFAULT_MODELS)
        )
    elif role == "pending":
        body["ui"] = {
            "pending_user_overlay_title": config.get(interface_keys.UI_PENDING_USER_OVERLAY_TITLE),
            "pending_user_overlay_content": config.get(interface_keys.UI_PENDING_USER_OVERLAY_CONTENT),
        }
    return body
