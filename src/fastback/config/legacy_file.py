"""Conversion of `config.json`, in which very old versions of Open WebUI stored their configuration, into keys."""

from __future__ import annotations

from typing import Any

from fastback.config.definitions import KEY_DEFINITIONS

#: Current names of keys that have been renamed, by their old names.
_CURRENT_NAMES = {
    "oauth.refresh_token_include_scope": "oauth.refresh_token.include_scope",
    "rag.openai_api_base_url": "rag.openai.api_base_url",
    "rag.openai_api_key": "rag.openai.api_key",
    "rag.ollama.url": "rag.ollama.base_url",
    "rag.ollama.key": "rag.ollama.api_key",
    "oauth.oidc.avatar_claim": "oauth.picture_claim",
    "oauth.oidc.oauth_timeout": "oauth.timeout",
}


def flatten_config_file(document: dict[str, Any]) -> dict[str, Any]:
    """Return the nested objects of the file as values by key; an unknown value gets its path as the key."""
    values: dict[str, Any] = {}
    _collect_values(document, "", values)
    values.pop("version", None)  # the version of the file, not a key
    return values


def _collect_values(tree: dict[str, Any], prefix: str, values: dict[str, Any]) -> None:
    """Add the values below an object to `flat`, in place."""
    for name, child in tree.items():
        path = f"{prefix}.{name}" if prefix else name
        key = _CURRENT_NAMES.get(path, path)
        if key.startswith("oauth.oidc."):
            key = key.replace("oauth.oidc.", "oauth.", 1)
        if (
            isinstance(child, dict)
            and key not in KEY_DEFINITIONS
            and key.replace("rag.web.", "web.", 1) not in KEY_DEFINITIONS
        ):
            _collect_values(child, path, values)
        else:
            values.setdefault(key, child)
