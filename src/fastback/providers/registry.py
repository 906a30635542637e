"""The models people can choose: base models of every connection, workspace models, arenas, merged and kept ready.

Lists are asked for in the background and kept per connection: a dead connection delays nobody, its last known list
serves and the log says since when. What `/api/models` answers is kept as bytes for each view of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from copy import deepcopy
from typing import Any

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
from fastback.providers import arenas, model_rows
from fastback.providers.arenas import Rights
from fastback.providers.chat_variables import schema_of
from fastback.providers.connections import Connection, ollama_connections, openai_connections
from fastback.providers.model_listing import ListingError, ollama_entries, openai_entries
from fastback.providers.model_rows import ModelRow, public_params
from fastback.settings import Settings

log = logging.getLogger("fastback.providers")

Entry = dict[str, Any]

#: Seconds somebody waits for connections that do not answer.
_PATIENCE = 4.0


class ModelsChanged(msgspec.Struct, frozen=True):
    """Workspace models were written."""


class Model(msgspec.Struct):
    """A model people can choose."""

    id: str
    name: str
    #: The entry as `/api/models` shows it.
    entry: Entry
    owned_by: str
    connection: Connection | None
    #: Its id at its server, without our prefix.
    upstream_id: str
    base_model_id: str | None = None
    info: ModelRow | None = None
    arena: bool = False


class _Known(msgspec.Struct):
    """What is known of a connection."""

    connection: Connection
    entries: list[Entry]
    failing_since: float | None = None


def _tags(value: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for one in value if isinstance(value, list) else []:
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and name:
            found.append({"name": name})
    return found


class ModelRegistry:
    """Keeps the list; the whole process shares one."""

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
        self._known: dict[tuple[str, str, int], _Known] = {}
        self._merged: dict[str, Model] | None = None
        self._bytes: dict[str, bytes] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._loaded = False
        #: Counts what the merged list depends on; a list made while it moved is not kept.
        self._version = 0
        bus.subscribe(ConfigChanged, self._config_changed)
        bus.subscribe(ModelsChanged, lambda _: self._forget())
        bus.subscribe(GrantsChanged, lambda event: self._forget() if event.resource_type == "model" else None)
        bus.subscribe(GroupsChanged, lambda _: self._forget())
        bus.subscribe(UserChanged, self._user_changed)

    async def _config_changed(self, event: ConfigChanged) -> None:
        self._forget()
        if any(key.startswith(("openai.", "ollama.")) for key in event.keys):
            self._loaded = False
            if self._refreshing is not None:
                # A round under way asks the connections of before.
                self._refreshing.cancel()
                self._refreshing = None
            self.refresh_soon()

    def _user_changed(self, event: UserChanged) -> None:
        self._bytes.pop(event.user_id, None)

    def _forget(self) -> None:
        self._version += 1
        self._merged = None
        self._bytes.clear()

    # -- lists of connections -------------------------------------------------------------------------------------

    def connections(self) -> list[Connection]:
        """The connections in use."""
        both = [*openai_connections(self._config), *ollama_connections(self._config)]
        return [one for one in both if one.enabled and one.url]

    def refresh_soon(self) -> asyncio.Task[None]:
        """Ask all connections for their lists, in the background; one round at a time."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())
        return self._refreshing

    async def refresh(self) -> None:
        """Ask all connections now, and wait as `load` does.

        A round that runs already may have asked before what the caller knows of happened; the next one has not.
        """
        if self._refreshing is not None and not self._refreshing.done():
            await asyncio.wait([self._refreshing], timeout=_PATIENCE)
        await self.load()

    async def load(self) -> None:
        """Wait for the answers of the connections, but not for long: who is late is added when it answers."""
        running = self.refresh_soon()
        await asyncio.wait([running], timeout=_PATIENCE)
        if self._refreshing is not None and self._refreshing is not running:
            # The configuration changed meanwhile.
            await asyncio.wait([self._refreshing], timeout=_PATIENCE)
        self._loaded = True

    async def _refresh(self) -> None:
        wanted = self.connections()
        keys = {(one.kind, one.url, one.index) for one in wanted}
        for gone in [key for key in self._known if key not in keys]:
            del self._known[gone]
            self._forget()
        await asyncio.gather(*(self._ask(one) for one in wanted))
        self._loaded = True

    async def _ask(self, connection: Connection) -> None:
        key = (connection.kind, connection.url, connection.index)
        known = self._known.get(key)
        ask = openai_entries if connection.kind == "openai" else ollama_entries
        try:
            entries = await ask(self._client, connection, self._settings)
        except ListingError as error:
            if known is None:
                known = self._known[key] = _Known(connection, [])
            if known.connection != connection:
                known.connection = connection
                self._forget()
            if known.failing_since is None:
                known.failing_since = time.time()
                # Ollama's address is a guess until somebody sets it up: its absence is no news.
                level = logging.INFO if connection.kind == "ollama" else logging.WARNING
                log.log(level, "no models from %s: %s", connection.url, error)
            return
        if known is not None and known.failing_since is not None:
            log.info("%s is back after %.0f s", connection.url, time.time() - known.failing_since)
        if known is None or known.entries != entries or known.connection != connection:
            self._forget()
        self._known[key] = _Known(connection, entries)

    # -- the merged list ------------------------------------------------------------------------------------------

    async def all(self) -> dict[str, Model]:
        """Every model by id, in the order of the list. The entries are shared: change a copy."""
        if not self._loaded:
            await self.load()
        if self._merged is not None:
            return self._merged
        version = self._version
        found = await self._merge()
        if version == self._version:
            self._merged = found
        return found

    async def find(self, model_id: str) -> Model | None:
        return (await self.all()).get(model_id)

    def _base(self) -> dict[str, Model]:
        found: dict[str, Model] = {}
        for known in sorted(
            self._known.values(), key=lambda one: (one.connection.kind != "openai", one.connection.index)
        ):
            for entry in known.entries:
                prefix = known.connection.prefix
                upstream = entry["id"].removeprefix(f"{prefix}.") if prefix else entry["id"]
                double = found.get(entry["id"])
                if double is not None and double.owned_by == entry["owned_by"]:
                    # The first server that has it answers; Ollama's are all known.
                    if double.owned_by == "ollama":
                        double.entry["ollama"]["urls"].append(known.connection.index)
                    continue
                found[entry["id"]] = Model(
                    entry["id"], entry["name"], deepcopy(entry), entry["owned_by"], known.connection, upstream
                )
        return found

    async def base_entries(self) -> list[Entry]:
        """The base models, as `/api/models/base` shows them."""
        if not self._loaded:
            await self.load()
        return [model.entry for model in self._base().values()]

    async def _merge(self) -> dict[str, Model]:
        found = self._base()
        if not found:
            # Nothing can answer; what is made of base models is not offered either.
            return {}
        if self._config.get_bool(EVALUATION_ARENA_ENABLE):
            for entry in arenas.entries(self._config.get_list(EVALUATION_ARENA_MODELS)):
                found[entry["id"]] = Model(entry["id"], entry["name"], entry, "arena", None, entry["id"], arena=True)
        rows = await model_rows.all_rows(self._db)
        grants = await self._grants.list_grants_by_resource("model", [row.id for row in rows])
        for row in rows:
            self._apply(found, row, row.dump(grants[row.id]))
        self._finish(found)
        order = {model_id: place for place, model_id in enumerate(self._config.get_list(UI_MODEL_ORDER_LIST))}
        if order:
            last = len(order)
            ranked = sorted(found.values(), key=lambda one: (order.get(one.id, last), one.name or ""))
            found = {one.id: one for one in ranked}
        return found

    def _apply(self, found: dict[str, Model], row: ModelRow, info: Entry) -> None:
        info["params"] = public_params(row.params or {})
        schema = schema_of((row.params or {}).get("system"))
        info["meta"].pop("chat_variables_schema", None)
        if schema:
            info["meta"]["chat_variables_schema"] = schema
        if row.base_model_id is None:
            model = found.get(row.id) or self._untagged(found, row.id)
            if model is None:
                return
            if not row.is_active:
                del found[model.id]
                return
            if model.arena:
                kept = model.entry["info"]["meta"]
                own = {name: kept[name] for name in ("access_grants", "model_ids", "filter_mode") if name in kept}
                info["meta"] = {**info["meta"], **own}
            model.entry["name"] = model.name = row.name or model.name
            model.entry["info"] = info
            model.info = row
            return
        if not row.is_active or row.id in found:
            return
        base = found.get(row.base_model_id) or self._untagged(found, row.base_model_id)
        entry: Entry = {
            "id": row.id,
            "name": row.name,
            "object": "model",
            "created": row.created_at,
            "owned_by": base.owned_by if base else "openai",
            "connection_type": base.entry.get("connection_type") if base else None,
            "preset": True,
        }
        if base and base.entry.get("provider"):
            entry["provider"] = base.entry["provider"]
        if base and base.entry.get("loaded") is not None:
            entry["loaded"] = base.entry["loaded"]
        entry["info"] = info
        found[row.id] = Model(
            row.id,
            row.name or row.id,
            entry,
            entry["owned_by"],
            None,
            row.id,
            base.id if base else row.base_model_id,
            row,
        )

    @staticmethod
    def _untagged(found: dict[str, Model], model_id: str) -> Model | None:
        """Ollama's models are also known by their name without the tag."""
        name = model_id.split(":")[0]
        with_tags = (one for one in found.values() if one.connection is not None and one.owned_by == "ollama")
        return next((one for one in with_tags if one.id.split(":")[0] == name), None)

    def _finish(self, found: dict[str, Model]) -> None:
        defaults = self._config.get_object(MODELS_DEFAULT_METADATA)
        threshold = self._config.get_object(MODELS_DEFAULT_PARAMS).get("compact_token_threshold")
        for model in found.values():
            entry = model.entry
            info = entry.get("info")
            if defaults:
                if info is None:
                    info = entry["info"] = {"meta": {}}
                meta = info.setdefault("meta", {})
                for key, value in defaults.items():
                    if key == "capabilities":
                        meta[key] = {**value, **(meta.get(key) or {})}
                    elif meta.get(key) is None:
                        meta[key] = deepcopy(value)
            if threshold is not None:
                params = {"compact_token_threshold": threshold, **((info or {}).get("params") or {})}
                info = entry["info"] = {**(info or {}), "params": params}
            meta = (info or {}).get("meta") or {}
            meta.pop("profile_image_url", None)
            if "tags" in meta:
                meta["tags"] = _tags(meta["tags"])
            both = [*_tags(meta.get("tags")), *_tags(entry.get("tags"))]
            entry["actions"] = []
            entry["filters"] = []
            entry["tags"] = list({tag["name"]: tag for tag in both}.values())

    # -- who may see what -----------------------------------------------------------------------------------------

    def _sees_all(self, user: User) -> bool:
        if self._settings.bypass_model_access_control:
            return True
        return user.is_admin and self._settings.bypass_admin_access_control

    async def visible(self, user: User) -> list[Model]:
        """The models a user may choose."""
        found = await self.all()
        if self._sees_all(user):
            return list(found.values())
        rights = await self._rights(user, [one.id for one in found.values() if one.info])
        return [one for one in found.values() if self._direct(one, user, rights)]

    async def _rights(self, user: User, model_ids: list[str]) -> Rights:
        readable = await self._grants.filter_accessible_ids(user.id, "model", model_ids)
        return Rights(user.id, readable, set(await self._permissions.list_group_ids(user.id)))

    @staticmethod
    def _direct(model: Model, user: User, rights: Rights) -> bool:
        """Whether a user may see a model; what it is based on is not asked."""
        if model.arena:
            return arenas.may_see(model.entry, user, rights)
        if model.info is None:
            return user.is_admin
        return user.id == model.info.user_id or model.id in rights.readable

    async def check_access(self, user: User, model: Model, *, without_base: bool = False) -> None:
        """A user may use a model who may see it and every model below it. `without_base`: the base is replaced.

        Raises:
            Forbidden: they may not.
        """
        if self._sees_all(user):
            return
        found = await self.all()
        chain = [model]
        while (base_id := chain[-1].base_model_id) is not None and (base := found.get(base_id)) is not None:
            if any(base is one for one in chain):
                break
            chain.append(base)
        rights = await self._rights(user, [one.id for one in chain])
        missing = not without_base and chain[-1].base_model_id is not None and chain[-1].base_model_id not in found
        if (missing and not user.is_admin) or not all(self._direct(one, user, rights) for one in chain):
            raise Forbidden("Model not found")

    async def bytes_for(self, user: User) -> bytes:
        """The answer of `/api/models` for a user, ready."""
        view = "*" if self._sees_all(user) else user.id
        known = self._bytes.get(view)
        if known is None or not self._loaded:
            version = self._version
            entries = [one.entry for one in await self.visible(user)]
            known = msgspec.json.encode({"data": entries})
            if len(self._bytes) > 1000:
                self._bytes.clear()
            if version == self._version:
                self._bytes[view] = known
        return known
