"""`config.…`: the stored configuration, by its keys and by the names of the environment variables."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastback.config import Config
from fastback.config.definitions import KEY_DEFINITIONS
from fastback.config.key import ConfigKey, DerivedDefault, KeyDefinition
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class ConfigurationMethods:
    """Read and change the configuration for plugins."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def add_to(self, methods: HostMethods) -> None:
        methods.add("config.get_all", self.get_all)
        methods.add("config.get_many", self.get_many)
        methods.add("config.find_by_variable", self.find_by_variable)
        methods.add("config.get_defaults", self.get_defaults)
        methods.add("config.set_many", self.set_many)
        methods.add("config.reset", self.reset)

    async def get_all(self) -> Json:
        """Return every value by its key."""
        return self._config.get_all()

    async def get_many(self, keys: list[str]) -> Json:
        """Return the values of these keys that exist."""
        values = self._config.get_all()
        return {key: values[key] for key in keys if key in values}

    async def get_defaults(self) -> Json:
        """Return the default of every key."""
        return {key: self._config.get_default(key) for key in KEY_DEFINITIONS}

    async def find_by_variable(self, name: str) -> Json:
        """Return `key` and `value` of the configuration that an environment variable sets.

        Raises:
            RemoteFailure: of the kind `unknown_variable`.
        """
        key = get_keys_by_variable().get(name)
        if key is None:
            raise RemoteFailure("unknown_variable", f"there is no configuration {name}")
        return {"key": key, "value": self._config.get(key)}

    async def set_many(self, values: Json) -> None:
        """Change values by their keys."""
        await self._config.set_many(values)

    async def reset(self, keys: list[str]) -> None:
        """Set keys to their defaults."""
        await self._config.reset(keys)


@cache
def get_keys_by_variable() -> dict[str, ConfigKey]:
    """Return the key that each environment variable sets; of several the one that it is the main variable of."""
    keys: dict[str, ConfigKey] = {}
    names = [(definition.name, _list_variables(definition)) for definition in KEY_DEFINITIONS.values()]
    for key, variables in names:
        for variable in variables[:1]:
            keys.setdefault(variable, key)
    for key, variables in names:
        for variable in variables[1:]:
            keys.setdefault(variable, key)
    return keys


def _list_variables(definition: KeyDefinition) -> list[str]:
    fallback = definition.fallback
    return [*definition.variables, *(fallback.variables if isinstance(fallback, DerivedDefault) else ())]
