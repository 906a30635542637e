"""Conversion of `config.json`, in which very old versions of Open WebUI stored their configuration, into keys."""

from __future__ import annotations

from typing import Any

from fastback.config.definitions import KEYS

#: Current names of keys that have been renamed, by their old names.
_RENAMED = {
    "oauth.refresh_token_include_scope": "oauth.refresh_token.include_scope",
    "rag.openai_api_base_url": "rag.openai.api_base_url",
    "rag.openai_api_key": "rag.openai.api_key",
    "rag.ollama.url": "rag.ollama.base_url",
    "rag.ollama.key": "rag.ollama.api_key",
    "oauth.oidc.avatar_claim": "oauth.picture_claim",
    "oauth.oidc.oauth_timeout": "oauth.timeout",
}


def flatten(found: dict[str, Any]) -> dict[str, Any]:
    """Return the nested objects of the file as values by key; an unknown value gets its path as the key."""
    flat: dict[str, Any] = {}
    _walk(found, "", flat)
    flat.pop("version", None)  # the version of the file, not a key
    return flat


def _walk(value: dict[str, Any], prefix: str, flat: dict[str, Any]) -> None:
    """Add the values below an object to `flat`, in place."""
    for part, below in value.items():
        path = f"{prefix}.{part}" if prefix else part
        key = _RENAMED.get(path, path)
        if key.startswith("oauth.oidc."):
            key = key.replace("oauth.oidc.", "oauth.", 1)
        if isinstance(below, dict) and key not in KEYS and key.replace("rag.web.", "web.", 1) not in KEYS:
            _walk(below, path, flat)
        else:
            flat.setdefault(key, below)
