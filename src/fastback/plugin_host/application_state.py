"""`request.app.state`: models, configuration and the embedding function of the server, and what plugins put there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.datastructures import State

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.config_values import CurrentConfig
from fastback.plugin_host.host_settings import SETTINGS
from fastback.plugin_host.loader import LOADED
from fastback.plugin_host.server_link import SERVER

Json = dict[str, Any]


class ModelEntries(Mapping[str, Json]):
    """The models by their ids, as the server lists them now. A plugin may replace an entry for itself."""

    def __init__(self, **criteria: Any) -> None:
        self._criteria = criteria
        self._own_entries: dict[str, Json] = {}

    def _list_entries(self) -> dict[str, Json]:
        entries = SERVER.call_blocking("models.list_entries", **self._criteria)
        return {**{entry["id"]: entry for entry in entries}, **self._own_entries}

    def __getitem__(self, model_id: str) -> Json:
        if model_id in self._own_entries:
            return self._own_entries[model_id]
        if self._criteria:
            return self._list_entries()[model_id]
        entry: Json | None = SERVER.call_blocking("models.find_entry", model_id=model_id)
        if entry is None:
            raise KeyError(model_id)
        return entry

    def __setitem__(self, model_id: str, entry: Json) -> None:
        self._own_entries[model_id] = entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._list_entries())

    def __len__(self) -> int:
        return len(self._list_entries())

    def values(self) -> Any:
        return self._list_entries().values()

    def items(self) -> Any:
        return self._list_entries().items()


class LoadedInstances(Mapping[str, Any]):
    """The objects of the loaded functions or tools by their ids; `kind` is `function` or `tool`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __getitem__(self, plugin_id: str) -> Any:
        return LOADED[self._kind, plugin_id].instance

    def __iter__(self) -> Iterator[str]:
        return iter([plugin_id for kind, plugin_id in list(LOADED) if kind == self._kind])

    def __len__(self) -> int:
        return len(list(iter(self)))


@awaited_or_not
async def compute_embeddings(query: Any, prefix: str | None = None, user: Any = None) -> Any:
    """`EMBEDDING_FUNCTION`: return the vector of a text, or the vectors of a list of texts."""
    texts = [query] if isinstance(query, str) else list(query)
    if prefix:
        texts = [f"{prefix}{text}" for text in texts]
    vectors = await call_server("embeddings.compute", texts=texts, is_query=isinstance(query, str))
    return vectors[0] if isinstance(query, str) else vectors


class OAuthTokens:
    """`oauth_manager` and `oauth_client_manager`: this server keeps no tokens of users for plugins."""

    async def get_oauth_token(self, *args: Any, **kwargs: Any) -> Any:
        return None


class ApplicationState(State):
    """The state: names of the server are computed when they are read; any other may be set."""

    def __init__(self) -> None:
        super().__init__()
        builders: dict[str, Callable[[], Any]] = {
            "MODELS": ModelEntries,
            "BASE_MODELS": lambda: list(ModelEntries(is_base=True).values()),
            "OPENAI_MODELS": lambda: ModelEntries(owned_by="openai"),
            "OLLAMA_MODELS": lambda: ModelEntries(owned_by="ollama"),
            "FUNCTIONS": lambda: LoadedInstances("function"),
            "TOOLS": lambda: LoadedInstances("tool"),
            "TOOL_SERVERS": list,
            "TERMINAL_SERVERS": list,
            "config": CurrentConfig,
            "EMBEDDING_FUNCTION": lambda: compute_embeddings,
            "RERANKING_FUNCTION": lambda: None,
            "ef": lambda: compute_embeddings,
            "rf": lambda: None,
            "redis": lambda: None,
            "main_loop": asyncio.get_event_loop,
            "oauth_manager": OAuthTokens,
            "oauth_client_manager": OAuthTokens,
            "WEBUI_NAME": lambda: CurrentConfig().WEBUI_NAME,
            "LICENSE_METADATA": lambda: None,
            "VERSION": lambda: SETTINGS.compatible_version,
            "instance_id": lambda: "",
        }
        object.__setattr__(self, "_builders", builders)

    def __getattr__(self, name: str) -> Any:
        if name in self._state:
            return self._state[name]
        builders: dict[str, Callable[[], Any]] = self.__dict__["_builders"]
        if name not in builders:
            raise AttributeError(f"'State' object has no attribute '{name}'")
        value = builders[name]()
        if name != "BASE_MODELS":
            self._state[name] = value
        return value
