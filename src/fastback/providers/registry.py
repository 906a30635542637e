"""The registry of models that people can choose: base models of every connection, workspace models and arenas.

Model servers are asked for their lists in the background, and the lists are cached by connection: a server that does
not answer delays no request, its last list is used, and the log says since when it has failed. The response of
`/api/models` is cached as bytes for each view of it.
"""

from __future__ import annotations

import asyncio
import logging
import time

import aiohttp
import msgspec

from fastback.access.events import GrantsChanged, GroupsChanged, UserChanged
from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config, ConfigChanged
from fastback.config.keys.connections import MODELS_DEFAULT_METADATA, MODELS_DEFAULT_PARAMS
from fastback.config.keys.features import EVALUATION_ARENA_ENABLE, EVALUATION_ARENA_MODELS
from fastback.config.keys.interface import UI_MODEL_ORDER_LIST
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden
from fastback.kit.tasks import Tasks
from fastback.providers import arenas, model_store
from fastback.providers.arenas import ModelGrants
from fastback.providers.connections import Connection, list_ollama_connections, list_openai_connections
from fastback.providers.model import Entry, Model
from fastback.providers.model_checks import clean_row
from fastback.providers.model_listing import ListingError, list_ollama_entries, list_openai_entries
from fastback.providers.model_merging import ServerModels, add_row, complete_entries, merge_server_models
from fastback.settings import Settings

log = logging.getLogger("fastback.providers")

#: Seconds that a request for models waits for servers that do not answer.
_LIST_TIMEOUT = 4.0
#: Views of `/api/models` that are cached at most.
_MAX_VIEWS = 1000


class ModelsChanged(msgspec.Struct, frozen=True):
    """Workspace models were written."""


class ModelRegistry:
    """Keep the list of models. The whole process shares one registry."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        settings: Settings,
        client: aiohttp.ClientSession,
        permissions: Permissions,
        grants: Grants,
        tasks: Tasks,
        bus: Bus,
    ) -> None:
        self._db = db
        self._config = config
        self._settings = settings
        self._client = client
        self._permissions = permissions
        self._grants = grants
        self._tasks = tasks
        self._servers: dict[tuple[str, str, int], ServerModels] = {}
        self._models: dict[str, Model] | None = None
        self._response_bytes: dict[str, bytes] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._is_loaded = False
        #: Counts changes of what the merged list depends on; a list that was merged meanwhile is not cached.
        self._version = 0
        bus.subscribe(ConfigChanged, self._config_changed)
        bus.subscribe(ModelsChanged, lambda _: self._invalidate())
        bus.subscribe(GrantsChanged, lambda event: self._invalidate() if event.resource_type == "model" else None)
        bus.subscribe(GroupsChanged, lambda _: self._invalidate())
        bus.subscribe(UserChanged, self._user_changed)

    async def _config_changed(self, event: ConfigChanged) -> None:
        self._invalidate()
        if any(key.startswith(("openai.", "ollama.")) for key in event.keys):
            self._is_loaded = False
            if self._refreshing is not None:
                # A round that runs asks the connections of before.
                self._refreshing.cancel()
                self._refreshing = None
            self.refresh_soon()

    def _user_changed(self, event: UserChanged) -> None:
        self._response_bytes.pop(event.user_id, None)

    def _invalidate(self) -> None:
        self._version += 1
        self._models = None
        self._response_bytes.clear()

    # -- lists of servers ------------------------------------------------------------------------------------------

    def list_connections(self) -> list[Connection]:
        """Return the connections in use."""
        connections = [*list_openai_connections(self._config), *list_ollama_connections(self._config)]
        return [connection for connection in connections if connection.is_enabled and connection.url]

    def refresh_soon(self) -> asyncio.Task[None]:
        """Ask all servers for their lists in the background, and return the task; one round runs at a time."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())
        return self._refreshing

    async def refresh(self) -> None:
        """Ask all servers now, and wait as `load` does.

        A round that runs already may have asked before the change that the caller knows of. So another follows it.
        """
        if self._refreshing is not None and not self._refreshing.done():
            await asyncio.wait([self._refreshing], timeout=_LIST_TIMEOUT)
        await self.load()

    async def load(self) -> None:
        """Wait for the servers' lists, 4 seconds at most; the models of a slow server are added when it answers."""
        running = self.refresh_soon()
        await asyncio.wait([running], timeout=_LIST_TIMEOUT)
        if self._refreshing is not None and self._refreshing is not running:
            # The configuration changed meanwhile.
            await asyncio.wait([self._refreshing], timeout=_LIST_TIMEOUT)
        self._is_loaded = True

    async def _refresh(self) -> None:
        connections = self.list_connections()
        keys = {_get_key(connection) for connection in connections}
        for removed in [key for key in self._servers if key not in keys]:
            del self._servers[removed]
            self._invalidate()
        await asyncio.gather(*(self._refresh_server(connection) for connection in connections))
        self._is_loaded = True

    async def _refresh_server(self, connection: Connection) -> None:
        server = self._servers.get(_get_key(connection))
        list_entries = list_openai_entries if connection.kind == "openai" else list_ollama_entries
        try:
            entries = await list_entries(self._client, connection, self._settings)
        except ListingError as error:
            self._note_failure(connection, server, error)
            return
        except Exception as error:  # of a list that nobody has thought of; the lists of other servers must not suffer
            log.exception("reading the models of %s failed", connection.url)
            self._note_failure(connection, server, error)
            return
        if server is not None and server.failing_since is not None:
            log.info(
                "listing models of %s works again after %.0f s", connection.url, time.time() - server.failing_since
            )
        if server is None or server.entries != entries or server.connection != connection:
            self._invalidate()
        self._servers[_get_key(connection)] = ServerModels(connection, entries)

    def _note_failure(self, connection: Connection, server: ServerModels | None, error: Exception) -> None:
        """Keep the last list of a server that failed, and log the first failure."""
        if server is None:
            server = self._servers[_get_key(connection)] = ServerModels(connection, [])
        if server.connection != connection:
            server.connection = connection
            self._invalidate()
        if server.failing_since is None:
            server.failing_since = time.time()
            # Ollama's default address is a guess until an administrator sets one: its absence is no reason to warn.
            level = logging.INFO if connection.kind == "ollama" else logging.WARNING
            log.log(level, "listing models of %s failed, its last list is used: %s", connection.url, error)

    # -- the merged list -------------------------------------------------------------------------------------------

    async def get_models(self) -> dict[str, Model]:
        """Return every model by id, in the order of the list. The entries are shared: change a copy."""
        if not self._is_loaded:
            await self.load()
        if self._models is not None:
            return self._models
        version = self._version
        models = await self._merge()
        if version == self._version:
            self._models = models
        return models

    async def find(self, model_id: str) -> Model | None:
        """Return the model of an id; None where it does not exist."""
        return (await self.get_models()).get(model_id)

    async def list_base_entries(self) -> list[Entry]:
        """Return the entries of the base models, as `/api/models/base` shows them."""
        if not self._is_loaded:
            await self.load()
        return [model.entry for model in merge_server_models(self._servers.values()).values()]

    async def _merge(self) -> dict[str, Model]:
        models = merge_server_models(self._servers.values())
        if not models:
            # No server can answer, so workspace models and arenas are not offered either.
            return {}
        if self._config.get_bool(EVALUATION_ARENA_ENABLE):
            for entry in arenas.build_entries(self._config.get_list(EVALUATION_ARENA_MODELS)):
                arena_id = entry["id"]
                models[arena_id] = Model(arena_id, entry["name"], entry, "arena", None, arena_id, arena=True)
        rows = [clean_row(row) for row in await model_store.list_model_rows(self._db)]
        grants = await self._grants.list_grants_by_resource("model", [row.id for row in rows])
        for row in rows:
            add_row(models, row, row.build_response(grants[row.id]))
        complete_entries(
            models,
            default_meta=self._config.get_object(MODELS_DEFAULT_METADATA),
            compact_threshold=self._config.get_object(MODELS_DEFAULT_PARAMS).get("compact_token_threshold"),
        )
        return self._sort(models)

    def _sort(self, models: dict[str, Model]) -> dict[str, Model]:
        """Return the models in the administrator's order; those that it does not name follow by name."""
        listed_ids = [model_id for model_id in self._config.get_list(UI_MODEL_ORDER_LIST) if isinstance(model_id, str)]
        order = {model_id: index for index, model_id in enumerate(listed_ids)}
        if not order:
            return models
        last = len(order)
        ordered = sorted(models.values(), key=lambda model: (order.get(model.id, last), model.name or ""))
        return {model.id: model for model in ordered}

    # -- access ----------------------------------------------------------------------------------------------------

    def _sees_all(self, user: User) -> bool:
        if self._settings.bypass_model_access_control:
            return True
        return user.is_admin and self._settings.bypass_admin_access_control

    async def list_visible_models(self, user: User) -> list[Model]:
        """Return the models that a user may choose."""
        models = await self.get_models()
        if self._sees_all(user):
            return list(models.values())
        grants = await self._load_grants(user, [model.id for model in models.values() if model.info])
        return [model for model in models.values() if _may_see(model, user, grants)]

    async def _load_grants(self, user: User, model_ids: list[str]) -> ModelGrants:
        readable = await self._grants.filter_accessible_ids(user.id, "model", model_ids)
        return ModelGrants(user.id, readable, set(await self._permissions.list_group_ids(user.id)))

    async def require_access(self, user: User, model: Model, *, without_base: bool = False) -> None:
        """Check that a user may use a model: they may see it and every model it is based on.

        `without_base` says that another model replaces a missing base.

        Raises:
            Forbidden: the user may not.
        """
        if self._sees_all(user):
            return
        models = await self.get_models()
        chain = [model]
        while (base_id := chain[-1].base_model_id) is not None and (base := models.get(base_id)) is not None:
            if any(base is linked for linked in chain):
                break
            chain.append(base)
        grants = await self._load_grants(user, [linked.id for linked in chain])
        last_base_id = chain[-1].base_model_id
        is_base_missing = not without_base and last_base_id is not None and last_base_id not in models
        if (is_base_missing and not user.is_admin) or not all(_may_see(linked, user, grants) for linked in chain):
            raise Forbidden("Model not found")

    async def get_response_bytes(self, user: User) -> bytes:
        """Return the response of `/api/models` for a user, encoded."""
        view = "*" if self._sees_all(user) else user.id
        content = self._response_bytes.get(view)
        if content is None or not self._is_loaded:
            version = self._version
            entries = [model.entry for model in await self.list_visible_models(user)]
            content = msgspec.json.encode({"data": entries})
            if len(self._response_bytes) > _MAX_VIEWS:
                self._response_bytes.clear()
            if version == self._version:
                self._response_bytes[view] = content
        return content


def _get_key(connection: Connection) -> tuple[str, str, int]:
    return connection.kind, connection.url, connection.index


def _may_see(model: Model, user: User, grants: ModelGrants) -> bool:
    """Return whether a user may see a model, whatever it is based on. A model without a row is for administrators."""
    if model.arena:
        return arenas.may_see_arena(model.entry, user, grants)
    if model.info is None:
        return user.is_admin
    return user.id == model.info.user_id or model.id in grants.readable_ids
