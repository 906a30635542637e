"""Define keys of the stored configuration, and turn environment variables into their defaults."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple, NewType

from fastback.config import variable_parsing
from fastback.config.variable_parsing import VariableParser

log = logging.getLogger("fastback.config")


class DerivedDefault(NamedTuple):
    """A default that is computed from several variables."""

    #: Computes the default from the variables.
    compute: Callable[[Mapping[str, str]], Any]
    #: The names of these variables.
    variables: tuple[str, ...]
    #: What the documentation says about the default, in a few words.
    description: str


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
    parser: VariableParser | None = None

    def get_parser(self) -> VariableParser:
        """Return the parser of its variables."""
        return self.parser or _PARSERS_BY_TYPE[type(self.fallback)]

    def compute_default(self, env: Mapping[str, str]) -> Any:
        """Return the default under these variables; an invalid variable is logged and skipped."""
        parser = self.get_parser()
        for variable in self.variables:
            text = env.get(variable)
            if text is None or (text == "" and not parser.accepts_empty):
                continue
            try:
                return parser.parse(text)
            except ValueError as error:
                log.warning("%s is invalid and skipped, expected %s: %s", variable, parser.description, error)
        return self.fallback.compute(env) if isinstance(self.fallback, DerivedDefault) else deepcopy(self.fallback)


#: Every key that has been defined, in the order of definition.
DEFINITIONS: dict[ConfigKey, KeyDefinition] = {}


def require_key(name: str) -> ConfigKey:
    """Return the key of a name that is put together at run time.

    Raises:
        KeyError: no area defines it.
    """
    return DEFINITIONS[ConfigKey(name)].name


def define_key(name: str, variables: tuple[str, ...], fallback: Any, parser: VariableParser | None = None) -> ConfigKey:
    """Define a key and return its name; see `KeyDefinition`.

    Raises:
        ValueError: the name is defined already.
    """
    key = ConfigKey(name)
    if key in DEFINITIONS:
        raise ValueError(f"the key {name} is defined twice")
    DEFINITIONS[key] = KeyDefinition(key, variables, fallback, parser)
    return key


_PARSERS_BY_TYPE: dict[type, VariableParser] = {
    str: variable_parsing.TEXT,
    bool: variable_parsing.FLAG,
    int: variable_parsing.INTEGER,
    float: variable_parsing.NUMBER,
    dict: variable_parsing.JSON_OBJECT,
    list: variable_parsing.JSON_LIST,
    DerivedDefault: variable_parsing.TEXT,
}
