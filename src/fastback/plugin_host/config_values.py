"""Values of the configuration under the names that `open_webui.config` has had for them.

Open WebUI's names became plain values; before, they were objects whose `value` was the current one. Plugins use both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.environment_values import parse_variable
from fastback.plugin_host.server_link import SERVER


class ConfigText(str):
    """A text of the configuration."""

    variable: str

    @property
    def value(self) -> Any:
        return read_value(self.variable)


class ConfigList(list[Any]):
    """A list of the configuration."""

    variable: str

    @property
    def value(self) -> Any:
        return read_value(self.variable)


class ConfigObject(dict[str, Any]):
    """An object of the configuration."""

    variable: str

    @property
    def value(self) -> Any:
        return read_value(self.variable)


class ConfigInteger(int):
    """A number of the configuration, or a truth value: 0 and 1."""

    variable: str

    @property
    def value(self) -> Any:
        return read_value(self.variable)


class ConfigNumber(float):
    """A number of the configuration with a fraction."""

    variable: str

    @property
    def value(self) -> Any:
        return read_value(self.variable)


class UnreadValue:
    """A value that was named while code was inspected, when there is no server; it is read when it is used."""

    def __init__(self, variable: str) -> None:
        self.variable = variable

    @property
    def value(self) -> Any:
        return read_value(self.variable) if SERVER.is_connected else None

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value or ())


_TYPES: dict[type, Any] = {
    str: ConfigText,
    list: ConfigList,
    dict: ConfigObject,
    bool: ConfigInteger,
    int: ConfigInteger,
    float: ConfigNumber,
}


def find_value(variable: str) -> Any:
    """Return the value of a variable as an object that equals it and has the current one as `value`.

    Raises:
        AttributeError: there is no such variable.
    """
    if not variable.isupper():
        raise AttributeError(variable)
    if not SERVER.is_connected:
        return UnreadValue(variable)
    value = read_value(variable)
    kind = _TYPES.get(type(value))
    if kind is None:
        return UnreadValue(variable)
    configured = kind(value)
    configured.variable = variable
    return configured


def read_value(variable: str) -> Any:
    """Return the current value: of the configuration, else of the environment.

    Raises:
        AttributeError: there is no such variable.
    """
    if not SERVER.is_connected:
        return None  # code that is only inspected
    try:
        return SERVER.call_blocking("config.find_by_variable", name=variable)["value"]
    except RemoteFailure:
        return parse_variable(variable)


def write_value(variable: str, value: Any) -> None:
    """Change a value of the configuration.

    Raises:
        AttributeError: there is no such variable.
    """
    try:
        key = SERVER.call_blocking("config.find_by_variable", name=variable)["key"]
    except RemoteFailure:
        raise AttributeError(variable) from None
    SERVER.call_blocking("config.set_many", values={key: value})


class CurrentConfig:
    """`app.state.config`: the configuration by the names of its environment variables, as Open WebUI once had it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return read_value(name)

    def __setattr__(self, name: str, value: Any) -> None:
        write_value(name, value)
