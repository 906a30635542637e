"""The values of the stored configuration, in memory: read once, changed through one door, announced when changed.

The table `config` holds a row a key: `key`, `value` (JSON), `updated_at` (seconds). Missing keys are seeded with their
defaults at start, so that a stored value wins over the environment from then on, as in Open WebUI. Keys that are not
kept in the database (all without `ENABLE_PERSISTENT_CONFIG`, `oauth.*` without `ENABLE_OAUTH_PERSISTENT_CONFIG`) live
in memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from fastback.config.definitions import compute_defaults
from fastback.config.key import ConfigKey
from fastback.config.keys.auth import AUTH_JWT_EXPIRY
from fastback.config.legacy_file import flatten
from fastback.config.row_repair import repair
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Executor
from fastback.settings import Settings

log = logging.getLogger("fastback.config")

Values = dict[str, Any]
#: Values that are about to be written. Names that are not ours, in an imported file, are kept too.
Changes = Mapping[str, Any] | Mapping[ConfigKey, Any]


class ConfigChanged(msgspec.Struct, frozen=True):
    """These keys have new values."""

    keys: frozenset[str]


class _Row(msgspec.Struct):
    key: ConfigKey
    value: msgspec.Raw


_ALL = 'SELECT "key", value FROM config'
_UPSERT = """
    INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, :now)
    ON CONFLICT ("key") DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"""
_SEED = """
    INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, :now)
    ON CONFLICT ("key") DO NOTHING"""
_REMOVE = 'DELETE FROM config WHERE "key" = ANY(:keys)'


class Config:
    """Live values by key. Reading is a look-up; what it gives is shared: change a copy."""

    def __init__(self, *, db: Database, settings: Settings, bus: Bus, defaults: Mapping[ConfigKey, Any]) -> None:
        self._db = db
        self._settings = settings
        self._bus = bus
        self._defaults: Values = {str(key): value for key, value in defaults.items()}
        self._values: Values = {}
        #: Keys changed while the database does not keep them: they last as long as the process.
        self._unkept: Values = {}
        # One change at a time: what `reload` read must not come after what `set_many` has written since.
        self._changing = asyncio.Lock()
        #: Grows with every change: what was made out of the configuration is fresh while it stands still.
        self.version = 0

    @classmethod
    async def load(cls, db: Database, settings: Settings, bus: Bus, env: Mapping[str, str]) -> Config:
        """Read the table, after putting it in order: reset, old file, old shapes, missing keys."""
        config = cls(db=db, settings=settings, bus=bus, defaults=compute_defaults(env))
        if settings.reset_config_on_start:
            await db.execute("config.clear", "DELETE FROM config")
        if settings.enable_persistent_config:
            await config._import_file(settings.data_path / "config.json")
            await config._repair()
            await config._seed()
        await config.reload()
        if config.text(AUTH_JWT_EXPIRY) == "-1":
            log.warning("JWT_EXPIRES_IN is -1: sessions never end, and a stolen one stays good for ever")
        return config

    @classmethod
    async def peek(cls, db: Database, settings: Settings, env: Mapping[str, str]) -> Config:
        """Read the table as it is: nothing is put in order, nothing written."""
        config = cls(db=db, settings=settings, bus=Bus(), defaults=compute_defaults(env))
        await config.reload()
        return config

    def persistent(self, key: str) -> bool:
        """Whether the key is kept in the database."""
        if not self._settings.enable_persistent_config:
            return False
        return self._settings.enable_oauth_persistent_config or not key.startswith("oauth.")

    # Reading

    def default(self, key: ConfigKey) -> Any:
        """The default of a key; a copy."""
        return deepcopy(self._defaults.get(key))

    def get(self, key: ConfigKey, default: Any = None) -> Any:
        """The value of a key."""
        if key in self._values:
            return self._values[key]
        return self._defaults.get(key, default)

    def text(self, key: ConfigKey) -> str:
        """The value as text; empty for null."""
        value = self.get(key)
        return "" if value is None else str(value)

    def flag(self, key: ConfigKey) -> bool:
        return bool(self.get(key))

    def items(self, key: ConfigKey) -> list[Any]:
        """The value where it is a list, or none."""
        value = self.get(key)
        return value if isinstance(value, list) else []

    def table(self, key: ConfigKey) -> dict[str, Any]:
        """The value where it is an object, or an empty one."""
        value = self.get(key)
        return value if isinstance(value, dict) else {}

    def number(self, key: ConfigKey) -> float | None:
        """The value as a number: administrators' forms store some as texts. None for null, empty, and what is none."""
        value = self.get(key)
        try:
            return None if value is None or value == "" or isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            return None

    def namespace(self, prefix: str) -> Values:
        """The keys below `prefix` with their values: `namespace("ldap.server")` has `ldap.server.host`."""
        return {key: value for key, value in self.all().items() if key.startswith(f"{prefix}.")}

    def all(self) -> Values:
        """Every value, stored keys that are not ours included."""
        return {**self._defaults, **self._values}

    # Changing

    async def set(self, key: ConfigKey, value: Any) -> None:
        await self.set_many({key: value})

    async def set_many(self, values: Changes) -> None:
        """Change keys: all or none, then announced. Values are what JSON knows, or structs."""
        made: Values = msgspec.to_builtins(values)
        kept = {key: value for key, value in made.items() if self.persistent(key)}
        async with self._changing:
            if kept:
                async with self._db.transaction() as tx:
                    await _write(tx, "config.upsert", _UPSERT, kept)
            self._unkept.update({key: value for key, value in made.items() if key not in kept})
            self._values = {**self._values, **made}
            self.version += 1
        if made:
            await self._bus.publish(ConfigChanged(frozenset(made)))

    async def reset(self, keys: Iterable[str]) -> None:
        """Give keys their defaults back; keys without one are forgotten."""
        gone = frozenset(keys)
        async with self._changing:
            kept = [key for key in gone if self.persistent(key)]
            if kept:
                await self._db.execute("config.remove", _REMOVE, keys=kept)
            for key in gone:
                self._unkept.pop(key, None)
            self._values = {key: value for key, value in self._values.items() if key not in gone}
            self.version += 1
        if gone:
            await self._bus.publish(ConfigChanged(gone))

    async def reload(self) -> None:
        """Read the table again: another process may have written it. Only what changed is announced."""
        async with self._changing:
            before = self.all()
            stored = await self._stored() if self._settings.enable_persistent_config else {}
            self._values = {key: value for key, value in stored.items() if self.persistent(key)} | self._unkept
            after = self.all()
            changed = frozenset(
                key for key in before.keys() | after.keys() if before.get(key, ...) != after.get(key, ...)
            )
            if changed or self.version == 0:
                self.version += 1
        if changed:
            await self._bus.publish(ConfigChanged(changed))

    # Putting the table in order

    async def _stored(self) -> Values:
        rows = await self._db.fetch_all(_Row, "config.all", _ALL)
        return {row.key: msgspec.json.decode(row.value) for row in rows}

    async def _seed(self) -> None:
        stored = await self._stored()
        missing = {key: value for key, value in self._defaults.items() if key not in stored and self.persistent(key)}
        if missing:
            async with self._db.transaction() as tx:
                await _write(tx, "config.seed", _SEED, missing)

    async def _repair(self) -> None:
        written, removed = repair(await self._stored())
        if not written and not removed:
            return
        async with self._db.transaction() as tx:
            await _write(tx, "config.upsert", _UPSERT, written)
            if removed:
                await tx.execute("config.remove", _REMOVE, keys=removed)
        log.info("brought stored configuration into today's shape: %s", ", ".join([*written, *removed]))

    async def _import_file(self, path: Path) -> None:
        """Take the configuration of a very old installation over, once; the file goes on as `old_config.json`."""
        try:
            found = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=dict[str, Any])
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            log.warning("cannot take over %s: %s", path, error)
            return
        flat = flatten(found)
        old = path.with_name("old_config.json")
        try:
            path.rename(old)  # first, so that of several processes one takes it over, and nothing does so twice
        except OSError as error:
            log.warning("cannot take over %s, as it cannot be renamed: %s", path, error)
            return
        try:
            async with self._db.transaction() as tx:
                await _write(tx, "config.upsert", _UPSERT, flat)
        except BaseException:
            old.rename(path)
            raise
        log.info("took over %d settings from %s", len(flat), path)


async def _write(tx: Executor, name: str, text: str, values: Values) -> None:
    now = int(time.time())
    rows = [{"key": key, "value": msgspec.json.encode(value).decode(), "now": now} for key, value in values.items()]
    if rows:
        await tx.execute_many(name, text, rows)
