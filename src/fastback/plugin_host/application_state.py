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


class ModelEntries:
    """The entries of models by their ids, as the server lists them; sent again only after a change."""

    def __init__(self) -> None:
        self._entries: dict[str, Json] = {}
        self._version: int | None = None

    def get_entries(self) -> dict[str, Json]:
        """Return the entries; until the next change what a plugin puts among them stays there."""
        if not SERVER.is_connected:
            return {}  # code that is only inspected
        reply = SERVER.call_blocking("models.get_changed_entries", version=self._version)
        if reply is not None:
            self._version = reply["version"]
            self._entries = {entry["id"]: entry for entry in reply["entries"]}
        return self._entries

    @staticmethod
    def list_base_entries() -> list[Json]:
        """Return the entries of the models that build on no other one."""
        entries: list[Json] = SERVER.call_blocking("models.list_base_entries") if SERVER.is_connected else []
        return entries

    def select_entries(self, owner: str) -> dict[str, Json]:
        """Return the entries of one kind of server."""
        entries = self.get_entries()
        return {model_id: entry for model_id, entry in entries.items() if entry.get("owned_by") == owner}


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
    """`oauth_manager`: tokens of users at the provider that they signed in with."""

    async def get_oauth_token(self, user_id: str, session_id: str, force_refresh: bool = False) -> Json | None:
        """Return the token response of a session of a user, renewed if it expires soon, or None."""
        token: Json | None = await call_server(
            "oauth.find_session_token", user_id=str(user_id), session_id=str(session_id)
        )
        return token


class OAuthClientTokens:
    """`oauth_client_manager`: tokens of users for the tool servers that they have signed in to."""

    async def get_oauth_token(self, user_id: str, client_id: str, force_refresh: bool = False) -> Json | None:
        """Return the token response of a user for a client (`mcp:{server id}`), or None."""
        token: Json | None = await call_server(
            "oauth.find_client_token", user_id=str(user_id), client_id=str(client_id), renew=bool(force_refresh)
        )
        return token


class ApplicationState(State):
    """The state: names of the server are computed when they are read; any other may be set."""

    def __init__(self) -> None:
        super().__init__()
        models = ModelEntries()
        builders: dict[str, Callable[[], Any]] = {
            "MODELS": models.get_entries,
            "BASE_MODELS": models.list_base_entries,
            "OPENAI_MODELS": lambda: models.select_entries("openai"),
            "OLLAMA_MODELS": lambda: models.select_entries("ollama"),
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
            "oauth_client_manager": OAuthClientTokens,
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
        if not name.endswith("MODELS"):
            self._state[name] = value
        return value
