"""Connections to model servers, as the stored configuration has them.

`openai.api_base_urls` and `openai.api_keys` are lists side by side; `openai.api_configs` has a configuration by the
index in these lists (or, in old installations, by URL): `enable`, `prefix_id`, `model_ids`, `tags`, `connection_type`,
`auth_type`, `headers`, `azure`, `api_type`, `api_version`, `provider`. Ollama's keys are in its configurations.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fastback.config import Config
from fastback.config.derived_defaults import OLLAMA_BASE_URL, OPENAI_BASE_URL
from fastback.config.keys import connections as connections_keys

_DEFAULT_URLS = frozenset({OPENAI_BASE_URL, OLLAMA_BASE_URL, "http://host.docker.internal:11434"})


class Connection(msgspec.Struct, frozen=True):
    """A connection to one model server; `index` is its place among those of its kind, `options` its configuration."""

    kind: Literal["openai", "ollama"]
    index: int
    url: str
    key: str
    options: dict[str, Any]

    @property
    def is_enabled(self) -> bool:
        """Whether an administrator has it switched on."""
        return self.options.get("enable", True) is not False

    @property
    def is_default(self) -> bool:
        """Whether it is a default of new installations, without a key, which may not be meant to be used."""
        return not self.key and self.url in _DEFAULT_URLS

    @property
    def prefix(self) -> str:
        """The prefix that its models' ids get here, without the dot."""
        return str(self.options.get("prefix_id") or "")

    @property
    def model_ids(self) -> list[str]:
        """The models that an administrator limits it to; empty: all that the server lists."""
        ids = self.options.get("model_ids")
        return [model_id for model_id in ids if isinstance(model_id, str)] if isinstance(ids, list) else []

    @property
    def tags(self) -> list[Any]:
        """The tags that its models get."""
        tags = self.options.get("tags")
        return tags if isinstance(tags, list) else []

    @property
    def is_azure(self) -> bool:
        return bool(self.options.get("azure")) or self.options.get("provider") == "azure"

    @property
    def uses_responses_api(self) -> bool:
        """Whether chat completions are sent to OpenAI's Responses API."""
        return self.kind == "openai" and self.options.get("api_type") == "responses"

    @property
    def is_anthropic(self) -> bool:
        return "api.anthropic.com" in self.url

    @property
    def has_messages_api(self) -> bool:
        """Whether the server itself offers Anthropic's Messages API."""
        return self.is_anthropic or str(self.options.get("provider") or "").lower() == "litellm"


def get_connection_options(configs: Any, index: int, url: str) -> dict[str, Any]:
    """Return the configuration of a connection, by its index or (in old installations) its URL."""
    if not isinstance(configs, dict):
        return {}
    options = configs.get(str(index), configs.get(url, {}))
    return options if isinstance(options, dict) else {}


def list_openai_connections(config: Config) -> list[Connection]:
    """List the OpenAI-compatible connections, disabled ones included; none where the API is switched off."""
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
            get_connection_options(configs, index, str(url)),
        )
        for index, url in enumerate(config.get_list(connections_keys.OPENAI_API_BASE_URLS))
    ]


def list_ollama_connections(config: Config) -> list[Connection]:
    """List the Ollama connections, disabled ones included; none where the API is switched off."""
    if not config.get_bool(connections_keys.OLLAMA_ENABLE):
        return []
    configs = config.get(connections_keys.OLLAMA_API_CONFIGS)
    connections: list[Connection] = []
    for index, url in enumerate(config.get_list(connections_keys.OLLAMA_BASE_URLS)):
        options = get_connection_options(configs, index, str(url))
        key = str(options.get("key") or "")
        connections.append(Connection("ollama", index, str(url).rstrip("/"), key, options))
    return connections
