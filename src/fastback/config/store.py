"""The values of the stored configuration, in memory: read once, changed through one door, announced when changed.

The table `config` holds a row a key: `key`, `value` (JSON), `updated_at`. Missing keys are seeded with their defaults at
start, so that a stored value wins over the environment from then on, as in the reference; keys that are not kept in the
database (`ENABLE_PERSISTENT_CONFIG`, and `oauth.*` without `ENABLE_OAUTH_PERSISTENT_CONFIG`) live in memory alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from fastback.config import keys as known
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Executor
from fastback.settings import Settings

log = logging.getLogger("fastback.config")

Values = dict[str, Any]


class ConfigChanged(msgspec.Struct, frozen=True):
    """These keys have new values."""

    keys: frozenset[str]


class _Row(msgspec.Struct):
    key: str
    value: msgspec.Raw


_UPSERT = """
    INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, :now)
    ON CONFLICT ("key") DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"""


class Config:
    """Live values by key. Reading is a look-up; what it gives is shared: change a copy."""

    def __init__(self, db: Database, settings: Settings, bus: Bus, defaults: Values) -> None:
        self._db = db
        self._settings = settings
        self._bus = bus
        self._defaults = defaults
        self._values: Values = {}
        #: Grows with every change: what was made out of the configuration is fresh while it stands still.
        self.version = 0

    @classmethod
    async def load(cls, db: Database, settings: Settings, bus: Bus, env: Mapping[str, str]) -> Config:
        """Read the table, seed what is missing."""
        config = cls(db, settings, bus, known.defaults(env))
        if settings.reset_config_on_start:
            await db.execute("config.clear", "DELETE FROM config")
        await config._import_legacy(settings.data_path / "config.json")
        await config.reload()
        await config._seed()
        return config

    def persistent(self, key: str) -> bool:
        """Whether the key is kept in the database."""
        if not self._settings.enable_persistent_config:
            return False
        return self._settings.enable_oauth_persistent_config or not key.startswith("oauth.")

    async def reload(self) -> None:
        """Read the table again: another process may have written it."""
        rows = await self._db.all(_Row, "config.all", 'SELECT "key", value FROM config')
        stored = {row.key: msgspec.json.decode(row.value) for row in rows}
        values = {key: value for key, value in self._defaults.items() if not self.persistent(key)}
        values.update({key: value for key, value in stored.items() if self.persistent(key)})
        changed = frozenset(
            key for key in values.keys() | self._values.keys() if values.get(key) != self._values.get(key)
        )
        first = not self._values
        self._values = values
        if changed:
            self.version += 1
            if not first:
                await self._bus.publish(ConfigChanged(changed))

    async def _seed(self) -> None:
        missing = {
            key: value for key, value in self._defaults.items() if key not in self._values and self.persistent(key)
        }
        if missing:
            async with self._db.transaction() as tx:
                await self._write(tx, missing)
            self._values.update(missing)
            self.version += 1

    async def _import_legacy(self, path: Path) -> None:
        """Settings of very old installations, a file of nested objects: taken over once, then kept as `old_config.json`."""
        try:
            found = msgspec.json.decode(path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            log.warning("cannot read %s: %s", path, error)
            return
        flat: Values = {}

        def walk(prefix: str, value: Any) -> None:
            name = prefix.rstrip(".")
            if isinstance(value, dict) and name not in self._defaults:
                for key, below in value.items():
                    walk(f"{prefix}{key}.", below)
            elif name in self._defaults:
                flat[name] = value

        walk("", found)
        async with self._db.transaction() as tx:
            await self._write(tx, flat)
        path.rename(path.with_name("old_config.json"))
        log.info("took over %d settings from %s", len(flat), path)

    @staticmethod
    async def _write(tx: Executor, values: Values) -> None:
        now = int(time.time())
        for key, value in values.items():
            await tx.execute("config.upsert", _UPSERT, key=key, value=msgspec.json.encode(value).decode(), now=now)

    def default(self, key: str) -> Any:
        """The default of a key; a copy."""
        return deepcopy(self._defaults.get(key))

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        if key in self._values:
            return self._values[key]
        return self._defaults.get(key, default)

    def text(self, key: str) -> str:
        value = self.get(key)
        return "" if value is None else str(value)

    def flag(self, key: str) -> bool:
        return bool(self.get(key))

    def items(self, key: str) -> list[Any]:
        value = self.get(key)
        return value if isinstance(value, list) else []

    def table(self, key: str) -> dict[str, Any]:
        value = self.get(key)
        return value if isinstance(value, dict) else {}

    def get_many(self, *keys: str) -> Values:
        return {key: self.get(key) for key in keys}

    def all(self) -> Values:
        """Every value, stored keys that are not ours included."""
        return {**self._defaults, **self._values}

    async def set_many(self, values: Values) -> None:
        """Change keys: all or none, then announced."""
        values = deepcopy(values)
        kept = {key: value for key, value in values.items() if self.persistent(key)}
        if kept:
            async with self._db.transaction() as tx:
                await self._write(tx, kept)
        self._values.update(values)
        self.version += 1
        await self._bus.publish(ConfigChanged(frozenset(values)))

    async def set(self, key: str, value: Any) -> None:
        await self.set_many({key: value})
