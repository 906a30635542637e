"""The body of `GET /api/config`, before and after sign-in."""

from __future__ import annotations

from typing import Any

from fastback import REFERENCE_VERSION
from fastback.config import Config
from fastback.settings import Settings


def _public(settings: Settings, config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {
        "slim": False,
        "auth": settings.webui_auth,
        "auth_trusted_header": bool(settings.webui_auth_trusted_email_header),
        "enable_signup_password_confirmation": settings.enable_signup_password_confirmation,
        "enable_ldap": config.get("ldap.enable"),
        "enable_signup": config.get("ui.enable_signup"),
        "enable_login_form": config.get("ui.enable_login_form"),
        "enable_websocket": settings.enable_websocket_support,
    }
    if settings.websocket_heartbeat_interval is not None:
        found["websocket_heartbeat_interval"] = settings.websocket_heartbeat_interval
    return found


def _signed_in(settings: Settings, config: Config) -> dict[str, Any]:
    terminals = config.items("terminal_server.connections")
    found: dict[str, Any] = {
        "enable_api_keys": config.get("auth.enable_api_keys"),
        "enable_password_change_form": config.get("ui.enable_password_change_form"),
        "enable_version_update_check": settings.enable_version_update_check,
        "enable_pyodide_file_persistence": settings.enable_pyodide_file_persistence,
        "enable_public_active_users_count": settings.enable_public_active_users_count,
        "enable_easter_eggs": settings.enable_easter_eggs,
        "enable_direct_connections": config.get("direct.enable"),
        "enable_direct_integrations": settings.enable_tool_servers and config.get("direct.integrations.enable"),
        "enable_plugins": settings.enable_plugins,
        "enable_tools": settings.enable_tools,
        "enable_functions": settings.enable_functions,
        "enable_tool_servers": settings.enable_tool_servers,
        "enable_terminal_servers": settings.enable_tool_servers
        and any(one.get("enabled", True) for one in terminals if isinstance(one, dict)),
        "enable_folders": config.get("folders.enable"),
        "folder_max_file_count": config.get("folders.max_file_count"),
        "enable_channels": config.get("channels.enable"),
        "enable_encrypted_channels": config.get("channels.encryption.enable"),
        "enable_apps": config.get("apps.enable"),
        "enable_calendar": config.get("calendar.enable"),
        "enable_automations": config.get("automations.enable"),
        "enable_notes": config.get("notes.enable"),
        "enable_context_compaction": config.get("chat.context_compaction.enable"),
        "enable_tool_permissions": config.get("chat.tool_permissions.enable"),
        "enable_web_search": config.get("web.search.enable"),
        "enable_web_search_confirmation": config.get("web.search.confirmation.enable"),
        "web_search_confirmation_content": config.get("web.search.confirmation.content"),
        "enable_code_execution": config.get("code_execution.enable"),
        "enable_code_interpreter": config.get("code_interpreter.enable"),
        "enable_image_generation": config.get("image_generation.enable"),
        "enable_autocomplete_generation": config.get("task.autocomplete.enable"),
        "enable_title_generation": config.get("task.title.enable"),
        "enable_follow_up_generation": config.get("task.follow_up.enable"),
        "enable_tags_generation": config.get("task.tags.enable"),
        "enable_community_sharing": config.get("ui.enable_community_sharing"),
        "enable_message_rating": config.get("ui.enable_message_rating"),
        "enable_user_webhooks": config.get("ui.enable_user_webhooks"),
        "enable_user_status": config.get("users.enable_status"),
        "enable_admin_export": settings.enable_admin_export,
        "enable_admin_chat_access": settings.enable_admin_chat_access,
        "enable_admin_analytics": settings.enable_admin_analytics,
        "enable_google_drive_integration": config.get("google_drive.enable"),
        "enable_onedrive_integration": config.get("onedrive.enable"),
        "enable_memories": config.get("memories.enable"),
        "enable_subagents": config.get("subagents.enable"),
    }
    if config.get("onedrive.enable"):
        private, business = settings.onedrive_client_id_personal, settings.onedrive_client_id_business
        found["enable_onedrive_personal"] = settings.enable_onedrive_personal and bool(private)
        found["enable_onedrive_business"] = settings.enable_onedrive_business and bool(business)
    return found


def _verified(settings: Settings, config: Config, default_models: str | None) -> dict[str, Any]:
    return {
        "default_models": default_models,
        "default_pinned_models": config.get("ui.default_pinned_models"),
        "default_prompt_suggestions": config.get("ui.prompt_suggestions"),
        "default_prompt_suggestions_i18n": config.get("ui.prompt_suggestions_i18n"),
        "code": {
            "engine": config.get("code_execution.engine"),
            "interpreter_engine": config.get("code_interpreter.engine"),
        },
        "audio": {
            "realtime": {
                "enabled": config.get("audio.realtime.enabled"),
                "model": config.get("audio.realtime.model"),
                "voice": config.get("audio.realtime.voice"),
            },
            "tts": {
                "engine": config.get("audio.tts.engine"),
                "voice": config.get("audio.tts.voice"),
                "split_on": config.get("audio.tts.split_on"),
            },
            "stt": {"engine": config.get("audio.stt.engine")},
        },
        "file": {
            "max_size": config.get("rag.file.max_size"),
            "max_count": config.get("rag.file.max_count"),
            "image_compression": {
                "width": config.get("file.image_compression_width"),
                "height": config.get("file.image_compression_height"),
            },
        },
        "permissions": dict(config.table("user.permissions")),
        "google_drive": {
            # Those of the environment, even where others are stored.
            "client_id": config.default("google_drive.client_id"),
            "api_key": config.default("google_drive.api_key"),
        },
        "onedrive": {
            "client_id_personal": settings.onedrive_client_id_personal,
            "client_id_business": settings.onedrive_client_id_business,
            "sharepoint_url": config.get("onedrive.sharepoint_url"),
            "sharepoint_tenant_id": config.get("onedrive.sharepoint_tenant_id"),
        },
        "ui": {
            "default_interface_settings": config.get("ui.default_interface_settings"),
            "visibility": config.get("ui.visibility"),
            "pending_user_overlay_title": config.get("ui.pending_user_overlay_title"),
            "pending_user_overlay_content": config.get("ui.pending_user_overlay_content"),
            "response_watermark": config.get("ui.watermark"),
            "iframe_csp": settings.iframe_csp,
        },
        "license_metadata": None,
    }


def page_config(
    settings: Settings, config: Config, *, role: str | None, onboarding: bool, default_models: str | None = None
) -> dict[str, Any]:
    """The body for a role; None for strangers. `default_models` is what a group says instead of everybody's."""
    found: dict[str, Any] = {"onboarding": True} if onboarding else {}
    found |= {
        "status": True,
        "name": settings.webui_name,
        "version": REFERENCE_VERSION,
        "default_locale": settings.default_locale,
        "i18n": config.get("ui.i18n") or {},
        "oauth": {"providers": {}, "auto_redirect": config.get("oauth.auto_redirect")},
        "features": _public(settings, config),
    }
    if role is not None:
        found["features"] |= _signed_in(settings, config)
    if role in ("admin", "user"):
        found |= _verified(settings, config, default_models or config.get("ui.default_models"))
    elif role == "pending":
        found["ui"] = {
            "pending_user_overlay_title": config.get("ui.pending_user_overlay_title"),
            "pending_user_overlay_content": config.get("ui.pending_user_overlay_content"),
        }
    return found
