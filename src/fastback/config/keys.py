"""Every key of the stored configuration, in the reference's order of areas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastback.config import (
    audio,
    auth,
    chat,
    code,
    connections,
    features,
    images,
    interface,
    ldap,
    oauth,
    retrieval,
    tasks,
    web,
)
from fastback.config.key import Key
from fastback.config.permissions import default_permissions

AREAS = (features, connections, oauth, code, retrieval, web, images, audio, auth, interface, chat, tasks, ldap)

KEYS: dict[str, Key] = {key.name: key for area in AREAS for key in area.KEYS}


def defaults(env: Mapping[str, str]) -> dict[str, Any]:
    """The default of every key under these variables."""
    found = {name: key.default(env) for name, key in KEYS.items()}
    found["user.permissions"] = default_permissions(env)
    _adjust(found, env)
    return found


def _adjust(found: dict[str, Any], env: Mapping[str, str]) -> None:
    """Rules that join several variables, as the reference applies them."""
    if env.get("WEBUI_AUTH", "true").strip().lower() == "false":
        found["ui.enable_signup"] = False
    urls = [url or "https://api.openai.com/v1" for url in found["openai.api_base_urls"]]
    found["openai.api_base_urls"] = urls
    found["ollama.base_urls"] = [url.rstrip("/").removesuffix("/api") for url in found["ollama.base_urls"]]
    separator = env.get("OAUTH_ROLES_SEPARATOR")
    if separator and separator != ",":
        for name in ("oauth.allowed_roles", "oauth.admin_roles"):
            text = env.get(KEYS[name].variables[0])
            if text:
                found[name] = [one.strip() for one in text.split(separator) if one.strip()]
