"""The values of the stored configuration, cached in memory; every change is written and published as an event.

The table `config` has a row for each key: `key`, `value` (JSON), `updated_at` (seconds). At start, missing keys are
inserted with their defaults, so that the stored value takes precedence over the environment from then on, as in Open
WebUI. Keys that are not persistent (all keys without `ENABLE_PERSISTENT_CONFIG`, `oauth.*` without
`ENABLE_OAUTH_PERSISTENT_CONFIG`) exist in memory only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from fastback.config.definitions import compute_defaults
from fastback.config.key import ConfigKey
from fastback.config.keys.auth import AUTH_JWT_EXPIRY
from fastback.config.legacy_file import flatten_config_file
from fastback.config.row_repair import plan_row_repair
from fastback.kit.bus import Bus, EventsLost
from fastback.kit.db import Database, Transaction
from fastback.kit.storable_text import encode_json
from fastback.settings import Settings

log = logging.getLogger("fastback.config")

Values = dict[str, Any]
#: Values to write. An imported file may contain names that are not keys of Fastback; these are written, too.
NewValues = Mapping[str, Any] | Mapping[ConfigKey, Any]


class ConfigChanged(msgspec.Struct, frozen=True):
    """Event: these keys have new values."""

    keys: frozenset[str]


class _Row(msgspec.Struct):
    key: ConfigKey
    value: msgspec.Raw


LIST_ROWS = 'SELECT "key", value FROM config'
UPSERT_ROW = """
    INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, :now)
    ON CONFLICT ("key") DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"""
INSERT_MISSING_ROW = """
    INSERT INTO config ("key", value, updated_at) VALUES (:key, :value, :now)
    ON CONFLICT ("key") DO NOTHING"""
DELETE_ROWS = 'DELETE FROM config WHERE "key" = ANY(:keys)'
DELETE_ALL_ROWS = "DELETE FROM config"


class Config:
    """Current values by key, read from memory. Values are shared: callers change only copies."""

    def __init__(self, *, db: Database, settings: Settings, bus: Bus, defaults: Mapping[ConfigKey, Any]) -> None:
        self._db = db
        self._settings = settings
        self._bus = bus
        self._defaults: Values = {str(key): value for key, value in defaults.items()}
        self._values: Values = {}
        #: Changed values of keys that are not persistent; they last until the process ends.
        self._memory_values: Values = {}
        # One change at a time: `reload` must not overwrite newer values of `set_many` with the rows it read before.
        self._lock = asyncio.Lock()
        #: Increases with every change; data derived from the configuration is valid while it stays the same.
        self.version = 0
        bus.subscribe(ConfigChanged, lambda event: self.reload(), here=False, elsewhere=True)
        bus.subscribe(EventsLost, lambda event: self.reload())

    @classmethod
    async def load(cls, db: Database, settings: Settings, bus: Bus, env: Mapping[str, str]) -> Config:
        """Return the configuration, after preparing the table.

        The steps: delete all rows (if the settings say so), import `config.json`, repair old rows, insert missing keys.
        """
        config = cls(db=db, settings=settings, bus=bus, defaults=compute_defaults(env))
        if settings.reset_config_on_start:
            await db.execute("config.clear", DELETE_ALL_ROWS)
        if settings.enable_persistent_config:
            await config._import_file(settings.data_path / "config.json")
            await config._repair_rows()
            await config._insert_missing_rows()
        await config.reload()
        if config.get_text(AUTH_JWT_EXPIRY) == "-1":
            log.warning("JWT_EXPIRES_IN is -1: sessions never expire, so a stolen session stays valid")
        return config

    @classmethod
    async def load_read_only(cls, db: Database, settings: Settings, env: Mapping[str, str]) -> Config:
        """Return the configuration without writing to the table: no reset, import, repair or insertion."""
        config = cls(db=db, settings=settings, bus=Bus(), defaults=compute_defaults(env))
        await config.reload()
        return config

    def is_persistent(self, key: str) -> bool:
        """Return whether the key is stored in the database."""
        if not self._settings.enable_persistent_config:
            return False
        return self._settings.enable_oauth_persistent_config or not key.startswith("oauth.")

    # Reading

    def get_default(self, key: ConfigKey) -> Any:
        """Return a copy of the default of a key."""
        return deepcopy(self._defaults.get(key))

    def get(self, key: ConfigKey, default: Any = None) -> Any:
        """Return the value of a key: stored, or its default, or `default` for an unknown key."""
        if key in self._values:
            return self._values[key]
        return self._defaults.get(key, default)

    def get_text(self, key: ConfigKey) -> str:
        """Return the value as text; an empty text for null."""
        value = self.get(key)
        return "" if value is None else str(value)

    def get_bool(self, key: ConfigKey) -> bool:
        """Return whether the value is true (not null, zero or empty)."""
        return bool(self.get(key))

    def get_list(self, key: ConfigKey) -> list[Any]:
        """Return the value if it is a list, otherwise an empty list."""
        value = self.get(key)
        return value if isinstance(value, list) else []

    def get_object(self, key: ConfigKey) -> dict[str, Any]:
        """Return the value if it is an object, otherwise an empty object."""
        value = self.get(key)
        return value if isinstance(value, dict) else {}

    def get_number(self, key: ConfigKey) -> float | None:
        """Return the value as a number; None if it is not a number.

        The forms of administrators store some numbers as text, which is converted.
        """
        value = self.get(key)
        try:
            return None if value is None or value == "" or isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            return None

    def get_namespace(self, prefix: str) -> Values:
        """Return the values of the keys below a prefix: `ldap.server` includes `ldap.server.host`."""
        return {key: value for key, value in self.get_all().items() if key.startswith(f"{prefix}.")}

    def get_all(self) -> Values:
        """Return every value by key, including stored keys that Fastback does not define."""
        return {**self._defaults, **self._values}

    # Changing

    async def set(self, key: ConfigKey, value: Any) -> None:
        """Change one key; see `set_many`."""
        await self.set_many({key: value})

    async def set_many(
        self, values: NewValues, *, alongside: Callable[[Transaction], Awaitable[None]] | None = None
    ) -> None:
        """Change all keys or none, then publish `ConfigChanged`. Values are JSON values or structs.

        `alongside` writes what must be stored together with the values, in the same transaction.
        """
        plain_values: Values = msgspec.to_builtins(values)
        persistent_values = {key: value for key, value in plain_values.items() if self.is_persistent(key)}
        async with self._lock:
            if persistent_values or alongside is not None:
                async with self._db.transaction(long=alongside is not None) as tx:
                    await tx.execute_many("config.upsert", UPSERT_ROW, _encode_rows(persistent_values))
                    if alongside is not None:
                        await alongside(tx)
            self._memory_values.update(
                {key: value for key, value in plain_values.items() if key not in persistent_values}
            )
            self._values = {**self._values, **plain_values}
            self.version += 1
        if plain_values:
            await self._bus.publish(ConfigChanged(frozenset(plain_values)))

    async def reset(self, keys: Iterable[str]) -> None:
        """Set keys to their defaults; keys without a default are deleted."""
        reset_keys = frozenset(keys)
        async with self._lock:
            persistent_keys = [key for key in reset_keys if self.is_persistent(key)]
            if persistent_keys:
                await self._db.execute("config.remove", DELETE_ROWS, keys=persistent_keys)
            for key in reset_keys:
                self._memory_values.pop(key, None)
            self._values = {key: value for key, value in self._values.items() if key not in reset_keys}
            self.version += 1
        if reset_keys:
            await self._bus.publish(ConfigChanged(reset_keys))

    async def reload(self) -> None:
        """Read the table again, which another process has changed, and publish the keys with new values here."""
        async with self._lock:
            before = self.get_all()
            stored = await self._list_stored_values() if self._settings.enable_persistent_config else {}
            self._values = {
                key: value for key, value in stored.items() if self.is_persistent(key)
            } | self._memory_values
            after = self.get_all()
            changed = frozenset(
                key for key in before.keys() | after.keys() if before.get(key, ...) != after.get(key, ...)
            )
            if changed or self.version == 0:
                self.version += 1
        if changed:
            await self._bus.publish_here(ConfigChanged(changed))

    # Repairing the table

    async def _list_stored_values(self) -> Values:
        """Return the values of all rows by key."""
        rows = await self._db.fetch_all(_Row, "config.all", LIST_ROWS)
        return {row.key: msgspec.json.decode(row.value) for row in rows}

    async def _insert_missing_rows(self) -> None:
        """Insert the defaults of persistent keys that have no row."""
        stored = await self._list_stored_values()
        missing = {key: value for key, value in self._defaults.items() if key not in stored and self.is_persistent(key)}
        if missing:
            async with self._db.transaction() as tx:
                await tx.execute_many("config.seed", INSERT_MISSING_ROW, _encode_rows(missing))

    async def _repair_rows(self) -> None:
        """Bring rows of earlier versions into the current format."""
        written, removed = plan_row_repair(await self._list_stored_values())
        if not written and not removed:
            return
        async with self._db.transaction() as tx:
            await tx.execute_many("config.upsert", UPSERT_ROW, _encode_rows(written))
            if removed:
                await tx.execute("config.remove", DELETE_ROWS, keys=removed)
        log.info("converted stored configuration to the current format: %s", ", ".join([*written, *removed]))

    async def _import_file(self, path: Path) -> None:
        """Import the configuration of a very old installation once; the file is renamed to `old_config.json`."""
        try:
            document = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=dict[str, Any])
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError) as error:
            log.warning("import of %s failed and is skipped: %s", path, error)
            return
        imported = flatten_config_file(document)
        renamed_path = path.with_name("old_config.json")
        try:
            path.rename(renamed_path)  # first, so that only one process imports it, and only once
        except OSError as error:
            log.warning("import of %s is skipped, because renaming it failed: %s", path, error)
            return
        try:
            async with self._db.transaction() as tx:
                await tx.execute_many("config.upsert", UPSERT_ROW, _encode_rows(imported))
        except BaseException:
            renamed_path.rename(path)
            raise
        log.info("imported %d settings from %s", len(imported), path)


def _encode_rows(values: Values) -> list[dict[str, Any]]:
    """Return the parameters of `UPSERT_ROW` and `INSERT_MISSING_ROW` for each value."""
    now = int(time.time())
    return [{"key": key, "value": encode_json(value), "now": now} for key, value in values.items()]
