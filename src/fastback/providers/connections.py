"""Connections to model servers, as the stored configuration holds them.

`openai.api_base_urls` and `openai.api_keys` are lists side by side; `openai.api_configs` holds a configuration by the
index in that list (or, in old installations, by URL): `enable`, `prefix_id`, `model_ids`, `tags`, `connection_type`,
`auth_type`, `headers`, `azure`, `api_type`, `api_version`, `provider`. Ollama's keys stand in its configurations.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fastback.config import Config
from fastback.config.keys import connections as connections_keys


class Connection(msgspec.Struct, frozen=True):
    """One model server."""

    kind: Literal["openai", "ollama"]
    index: int
    url: str
    key: str
    options: dict[str, Any]

    @property
    def enabled(self) -> bool:
        return self.options.get("enable", True) is not False

    @property
    def prefix(self) -> str:
        return str(self.options.get("prefix_id") or "")

    @property
    def model_ids(self) -> list[str]:
        found = self.options.get("model_ids")
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

    @property
    def tags(self) -> list[Any]:
        found = self.options.get("tags")
        return found if isinstance(found, list) else []

    @property
    def is_azure(self) -> bool:
        return bool(self.options.get("azure")) or self.options.get("provider") == "azure"

    @property
    def speaks_responses(self) -> bool:
        """Whether chats go to OpenAI's Responses API."""
        return self.kind == "openai" and self.options.get("api_type") == "responses"

    @property
    def is_anthropic(self) -> bool:
        return "api.anthropic.com" in self.url

    @property
    def takes_messages(self) -> bool:
        """Whether the server understands Anthropic's Messages API itself."""
        return self.is_anthropic or str(self.options.get("provider") or "").lower() == "litellm"


def options_of(configs: Any, index: int, url: str) -> dict[str, Any]:
    """The configuration of a connection, by its index or (old) its URL."""
    if not isinstance(configs, dict):
        return {}
    found = configs.get(str(index), configs.get(url, {}))
    return found if isinstance(found, dict) else {}


def openai_connections(config: Config) -> list[Connection]:
    """The OpenAI-compatible connections, disabled ones included; none where the API is switched off."""
    if not config.get_bool(connections_keys.OPENAI_ENABLE):
        return []
    keys = config.get_list(connections_keys.OPENAI_API_KEYS)
    configs = config.get(connections_keys.OPENAI_API_CONFIGS)
    return [
        Connection(
            "openai",
            index,
            str(url).rstrip("/"),
            str(keys[index]) if index < len(keys) and keys[index] else "",
            options_of(configs, index, str(url)),
        )
        for index, url in enumerate(config.get_list(connections_keys.OPENAI_API_BASE_URLS))
    ]


def ollama_connections(config: Config) -> list[Connection]:
    """The Ollama connections, disabled ones included; none where the API is switched off."""
    if not config.get_bool(connections_keys.OLLAMA_ENABLE):
        return []
    configs = config.get(connections_keys.OLLAMA_API_CONFIGS)
    found: list[Connection] = []
    for index, url in enumerate(config.get_list(connections_keys.OLLAMA_BASE_URLS)):
        options = options_of(configs, index, str(url))
        found.append(Connection("ollama", index, str(url).rstrip("/"), str(options.get("key") or ""), options))
    return found
