"""The registry of models that people can choose: base models of every connection, workspace models and arenas.

The servers are asked for their lists in the background (`server_lists`): a server that does not answer delays no
request. The response of `/api/models` is cached as bytes for each view of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

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
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.http.errors import Forbidden
from fastback.kit.pacing import let_others_run
from fastback.providers import arenas, model_store
from fastback.providers.arenas import ModelGrants
from fastback.providers.connections import Connection
from fastback.providers.function_items import FunctionItemSource, add_function_items
from fastback.providers.model import Entry, Model
from fastback.providers.model_checks import clean_row
from fastback.providers.model_merging import Models, add_row, complete_entries, merge_server_models
from fastback.providers.model_sources import ModelSource, build_source_models
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.server_lists import PATIENCE, ServerLists
from fastback.settings import Settings

#: Seconds that a request for models waits for servers that do not answer.
_LIST_TIMEOUT = 4.0
#: Seconds of work on the list between two turns of the event loop.
_SLICE = 0.003
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
        bus: Bus,
        tokens: OAuthTokens,
        cluster: Cluster,
    ) -> None:
        self._db = db
        self._config = config
        self._settings = settings
        self._permissions = permissions
        self._grants = grants
        self._lists = ServerLists(
            config=config,
            settings=settings,
            client=client,
            tokens=tokens,
            cluster=cluster,
            on_change=self._invalidate,
        )
        self._functions: FunctionItemSource | None = None
        self._source: ModelSource | None = None
        self._models: dict[str, Model] | None = None
        self._response_bytes: dict[str, bytes] = {}
        #: Seconds after which a list is refreshed when it is read.
        self._longest_age = max(settings.models_cache_ttl, 60)
        self._is_loaded = False
        #: Counts changes of the connections.
        self._connections_version = 0
        #: Counts changes of what the merged list depends on; a list that was merged meanwhile is not cached.
        self._version = 0
        bus.subscribe(ConfigChanged, self._config_changed)
        bus.subscribe(ModelsChanged, lambda _: self._invalidate(), elsewhere=True)
        bus.subscribe(GrantsChanged, self._grants_changed, elsewhere=True)
        bus.subscribe(GroupsChanged, lambda _: self._invalidate(), elsewhere=True)
        bus.subscribe(UserChanged, self._user_changed, elsewhere=True)
        bus.subscribe(EventsLost, lambda _: self._invalidate())

    async def _config_changed(self, event: ConfigChanged) -> None:
        self._invalidate()
        if any(key.startswith(("openai.", "ollama.")) for key in event.keys):
            self._is_loaded = False
            self._connections_version += 1
            self._lists.restart()

    def _grants_changed(self, event: GrantsChanged) -> None:
        if event.resource_type == "model":
            self._invalidate()

    def _user_changed(self, event: UserChanged) -> None:
        self._response_bytes.pop(event.user_id, None)

    def connect_functions(self, functions: FunctionItemSource) -> None:
        """Show the actions and filters that this source knows in the entries of models."""
        self._functions = functions
        functions.connect(self._invalidate)

    def _invalidate(self) -> None:
        self._version += 1
        self._models = None
        self._response_bytes.clear()

    def connect_source(self, source: ModelSource) -> None:
        """List the models of this source, too."""
        self._source = source
        source.connect(self._invalidate)

    # -- lists of servers ------------------------------------------------------------------------------------------

    def list_connections(self) -> list[Connection]:
        """Return the connections in use."""
        return self._lists.list_connections()

    def refresh_soon(self, max_age: float = 0.0) -> None:
        """Ask all servers for their lists in the background, unless another process did within `max_age` seconds."""
        self._ask_all(max_age)

    async def refresh(self) -> None:
        """Ask all servers now, and wait for 4 seconds at most.

        A server that is being asked may have been asked before the change that the caller knows of. So it is asked
        again afterwards.
        """
        await _wait_for(self._lists.list_running())
        await _wait_for(self._ask_all())
        self._is_loaded = True

    async def load(self) -> None:
        """Wait for the first lists, 4 seconds at most; the models of a slow server are added when it answers."""
        version = self._connections_version
        if self._source is not None:
            self._source.list_first_tasks()
        await _wait_for(self._lists.ask_unlisted())
        await self._wait_for_source()
        if self._connections_version != version:
            # The configuration changed meanwhile.
            await _wait_for(self._lists.ask_unlisted())
        self._is_loaded = True

    async def close(self) -> None:
        """Ask no server any more."""
        self._lists.stop()

    async def refresh_old_lists(self) -> None:
        """Ask all servers that no process has asked for half of the time after which lists are old."""
        await _wait_for(self._ask_all(self._longest_age / 2))
        self._is_loaded = True

    def _ask_all(self, max_age: float = 0.0) -> list[asyncio.Task[None]]:
        return [*self._lists.ask(max_age), *(self._source.ask() if self._source is not None else [])]

    def _ask_if_old(self) -> None:
        self._lists.ask_if_older(self._longest_age)
        if self._source is not None:
            self._source.ask_if_older(self._longest_age)

    # -- the merged list -------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """A number that changes with what the list depends on."""
        return self._version

    async def get_models(self) -> dict[str, Model]:
        """Return every model by id, in the order of the list. The entries are shared: change a copy."""
        await self._require_lists()
        return await self.get_listed_models()

    async def get_listed_models(self) -> dict[str, Model]:
        """Return the models that servers have listed until now, without waiting for one; see `get_models`."""
        if self._models is not None:
            return self._models
        version = self._version
        models = await self._merge()
        if version == self._version:
            self._models = models
        return models

    async def _require_lists(self) -> None:
        """Wait for the first lists; refresh old ones in the background, so that the next reader gets the new ones."""
        if not self._is_loaded:
            await self.load()
        else:
            await self._wait_for_source()
        self._ask_if_old()

    async def _wait_for_source(self) -> None:
        """Wait for the models of plugins where these have changed, 4 seconds at most."""
        if self._source is not None:
            await _wait_for(self._source.list_first_tasks())

    async def find(self, model_id: str) -> Model | None:
        """Return the model of an id; None where it does not exist.

        For an unknown model the servers are asked, as one may have started or may have a new model.
        """
        model = (await self.get_models()).get(model_id)
        pending = set(self._ask_for_missing_model() if model is None else ())
        deadline = time.monotonic() + PATIENCE
        while model is None and pending:
            seconds = deadline - time.monotonic()
            done, pending = await asyncio.wait(pending, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            model = (await self.get_models()).get(model_id)
        return model

    def _ask_for_missing_model(self) -> list[asyncio.Task[None]]:
        tasks = self._lists.ask_for_missing_model()
        return [*tasks, *self._source.ask()] if self._source is not None else tasks

    async def list_base_entries(self) -> list[Entry]:
        """Return the entries of the base models, as `/api/models/base` shows them."""
        await self._require_lists()
        return [model.entry for model in self._merge_base_models().values()]

    def _merge_base_models(self) -> Models:
        """Return the models of plugins and servers; a server's model wins over that of a plugin with the same id."""
        return {**build_source_models(self._source), **merge_server_models(self._lists.get_servers())}

    async def _merge(self) -> dict[str, Model]:
        models = self._merge_base_models()
        if not models:
            # No server and no plugin can answer, so workspace models and arenas are not offered either.
            return {}
        if self._config.get_bool(EVALUATION_ARENA_ENABLE):
            for entry in arenas.build_entries(self._config.get_list(EVALUATION_ARENA_MODELS)):
                arena_id = entry["id"]
                models[arena_id] = Model(arena_id, entry["name"], entry, "arena", None, arena_id, arena=True)
        rows = [clean_row(row) for row in await model_store.list_model_rows(self._db)]
        grants = await self._grants.list_grants_by_resource("model", [row.id for row in rows])
        slice_end = time.perf_counter() + _SLICE
        for row in rows:
            add_row(models, row, row.build_response(grants[row.id]))
            if time.perf_counter() > slice_end:  # some prompts take a millisecond to parse
                await let_others_run()
                slice_end = time.perf_counter() + _SLICE
        complete_entries(
            models,
            default_meta=self._config.get_object(MODELS_DEFAULT_METADATA),
            compact_threshold=self._config.get_object(MODELS_DEFAULT_PARAMS).get("compact_token_threshold"),
        )
        if self._functions is not None:
            add_function_items(models, await self._functions.get_items())
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
        self._ask_if_old()
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


async def _wait_for(tasks: Sequence[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=_LIST_TIMEOUT)


def _may_see(model: Model, user: User, grants: ModelGrants) -> bool:
    """Return whether a user may see a model, whatever it is based on. A model without a row is for administrators."""
    if model.arena:
        return arenas.may_see_arena(model.entry, user, grants)
    if model.info is None:
        return user.is_admin
    return user.id == model.info.user_id or model.id in grants.readable_ids
