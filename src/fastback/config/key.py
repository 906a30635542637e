"""Define keys of the stored configuration, and turn environment variables into their defaults."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple, NewType

from fastback.config import variable_parsing
from fastback.config.variable_parsing import Reader

log = logging.getLogger("fastback.config")


class Derived(NamedTuple):
    """A default that is computed from several variables."""

    #: Computes the default from the variables.
    make: Callable[[Mapping[str, str]], Any]
    #: The names of these variables.
    variables: tuple[str, ...]
    #: What the documentation says about the default, in a few words.
    about: str


#: The name of a key in the table `config`. Callers import the constants of `config.keys`, so that a typo fails
#: at import.
ConfigKey = NewType("ConfigKey", str)


class KeyDefinition(NamedTuple):
    """A key, the variables that set its default (the first that is set applies), and its default without a variable.

    The type of this default decides how a variable is parsed: as text, as `true` or `false`, as a number, or as a JSON
    object or list. `parser` overrides that.
    """

    name: ConfigKey
    variables: tuple[str, ...]
    fallback: Any
    reader: Reader | None = None

    def get_reader(self) -> Reader:
        """Return the parser of its variables."""
        return self.reader or _BY_TYPE[type(self.fallback)]

    def compute_default(self, env: Mapping[str, str]) -> Any:
        """Return the default under these variables; an invalid variable is logged and skipped."""
        reader = self.get_reader()
        for variable in self.variables:
            text = env.get(variable)
            if text is None or (text == "" and not reader.empty):
                continue
            try:
                return reader.parse(text)
            except ValueError as error:
                log.warning("%s is invalid and skipped, expected %s: %s", variable, reader.about, error)
        return self.fallback.make(env) if isinstance(self.fallback, Derived) else deepcopy(self.fallback)


#: Every key that has been defined, in the order of definition.
DEFINITIONS: dict[ConfigKey, KeyDefinition] = {}


def require_key(name: str) -> ConfigKey:
    """Return the key of a name that is put together at run time.

    Raises:
        KeyError: no area defines it.
    """
    return DEFINITIONS[ConfigKey(name)].name


def define_key(name: str, variables: tuple[str, ...], fallback: Any, reader: Reader | None = None) -> ConfigKey:
    """Define a key and return its name; see `KeyDefinition`.

    Raises:
        ValueError: the name is defined already.
    """
    key = ConfigKey(name)
    if key in DEFINITIONS:
        raise ValueError(f"the key {name} is defined twice")
    DEFINITIONS[key] = KeyDefinition(key, variables, fallback, reader)
    return key


_BY_TYPE: dict[type, Reader] = {
    str: variable_parsing.TEXT,
    bool: variable_parsing.FLAG,
    int: variable_parsing.WHOLE,
    float: variable_parsing.NUMBER,
    dict: variable_parsing.OBJECT,
    list: variable_parsing.LIST,
    Derived: variable_parsing.TEXT,
}
