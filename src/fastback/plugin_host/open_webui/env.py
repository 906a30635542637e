"""What plugins read of the process environment: names of Open WebUI's `env` module, with values of this server.

Other names are those of environment variables, read when they are imported. Secrets cannot be imported.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from fastback.plugin_host.environment_values import parse_variable
from fastback.plugin_host.host_settings import SETTINGS


class _LogLevels(dict[str, Any]):
    """The levels of Open WebUI's loggers: every one has the level of the server."""

    def __missing__(self, name: str) -> Any:
        return GLOBAL_LOG_LEVEL

    def get(self, name: str, default: Any = None) -> Any:
        return GLOBAL_LOG_LEVEL


#: The version of Open WebUI that the modules of this package follow.
VERSION = SETTINGS.compatible_version
GLOBAL_LOG_LEVEL = os.environ.get("GLOBAL_LOG_LEVEL", "INFO").upper() or "INFO"
SRC_LOG_LEVELS = _LogLevels()
log = logging.getLogger("open_webui")

DATA_DIR = SETTINGS.data_dir
STATIC_DIR = SETTINGS.data_dir / "static"
BACKEND_DIR = SETTINGS.data_dir.parent
BASE_DIR = OPEN_WEBUI_DIR = BACKEND_DIR
DATABASE_SCHEMA = os.environ.get("DATABASE_SCHEMA")
ENV = os.environ.get("ENV", "prod")
WEBUI_NAME = os.environ.get("WEBUI_NAME", "Open WebUI")
WEBUI_BUILD_HASH = os.environ.get("WEBUI_BUILD_HASH", "dev-build")
DEVICE_TYPE = "cpu"
USER_AGENT = os.environ.get("USER_AGENT", "")
REDIS_KEY_PREFIX = os.environ.get("REDIS_KEY_PREFIX", "open-webui")


def _parse_seconds(name: str, default: int | None) -> int | None:
    text = os.environ.get(name, "").strip()
    return int(text) if text.isdecimal() else None if name in os.environ else default


#: Seconds of a whole request; None means no limit.
AIOHTTP_CLIENT_TIMEOUT = _parse_seconds("AIOHTTP_CLIENT_TIMEOUT", None)
AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST = _parse_seconds("AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST", 10)
AIOHTTP_CLIENT_TIMEOUT_OPENAI_MODEL_LIST = AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST
AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA = _parse_seconds("AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER_DATA", 10)
AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER = _parse_seconds("AIOHTTP_CLIENT_TIMEOUT_TOOL_SERVER", AIOHTTP_CLIENT_TIMEOUT)
AIOHTTP_CLIENT_SESSION_SSL = os.environ.get("AIOHTTP_CLIENT_SESSION_SSL", "True").lower() == "true"
AIOHTTP_CLIENT_SESSION_TOOL_SERVER_SSL = (
    os.environ.get("AIOHTTP_CLIENT_SESSION_TOOL_SERVER_SSL", "True").lower() == "true"
)
AIOHTTP_CLIENT_ALLOW_REDIRECTS = os.environ.get("AIOHTTP_CLIENT_ALLOW_REDIRECTS", "False").lower() == "true"
REQUESTS_VERIFY = os.environ.get("REQUESTS_VERIFY", "True").lower() == "true"

ENABLE_FORWARD_USER_INFO_HEADERS = os.environ.get("ENABLE_FORWARD_USER_INFO_HEADERS", "False").lower() == "true"
FORWARD_USER_INFO_HEADER_USER_NAME = os.environ.get("FORWARD_USER_INFO_HEADER_USER_NAME", "X-OpenWebUI-User-Name")
FORWARD_USER_INFO_HEADER_USER_ID = os.environ.get("FORWARD_USER_INFO_HEADER_USER_ID", "X-OpenWebUI-User-Id")
FORWARD_USER_INFO_HEADER_USER_EMAIL = os.environ.get("FORWARD_USER_INFO_HEADER_USER_EMAIL", "X-OpenWebUI-User-Email")
FORWARD_USER_INFO_HEADER_USER_ROLE = os.environ.get("FORWARD_USER_INFO_HEADER_USER_ROLE", "X-OpenWebUI-User-Role")
FORWARD_USER_INFO_HEADER_AUTH_TYPE = os.environ.get("FORWARD_USER_INFO_HEADER_AUTH_TYPE", "X-OpenWebUI-Auth-Type")
FORWARD_SESSION_INFO_HEADER_CHAT_ID = os.environ.get("FORWARD_SESSION_INFO_HEADER_CHAT_ID", "X-OpenWebUI-Chat-Id")
FORWARD_SESSION_INFO_HEADER_MESSAGE_ID = os.environ.get(
    "FORWARD_SESSION_INFO_HEADER_MESSAGE_ID", "X-OpenWebUI-Message-Id"
)

BYPASS_MODEL_ACCESS_CONTROL = os.environ.get("BYPASS_MODEL_ACCESS_CONTROL", "False").lower() == "true"
ENABLE_ADMIN_CHAT_ACCESS = os.environ.get("ENABLE_ADMIN_CHAT_ACCESS", "True").lower() == "true"
ENABLE_REALTIME_CHAT_SAVE = os.environ.get("ENABLE_REALTIME_CHAT_SAVE", "False").lower() == "true"
ENABLE_CUSTOM_MODEL_FALLBACK = os.environ.get("ENABLE_CUSTOM_MODEL_FALLBACK", "False").lower() == "true"
ENABLE_RESPONSES_API_STATEFUL = os.environ.get("ENABLE_RESPONSES_API_STATEFUL", "False").lower() == "true"
ENABLE_WEBSOCKET_SUPPORT = True
SAFE_MODE = os.environ.get("SAFE_MODE", "False").lower() == "true"
OFFLINE_MODE = os.environ.get("OFFLINE_MODE", "False").lower() == "true"
CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS = int(
    os.environ.get("CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS")
    or os.environ.get("CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES")
    or 256
)
CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES = CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS
CHAT_RESPONSE_STREAM_DELTA_CHUNK_SIZE = int(os.environ.get("CHAT_RESPONSE_STREAM_DELTA_CHUNK_SIZE") or 1)


def __getattr__(name: str) -> Any:
    return parse_variable(name)
