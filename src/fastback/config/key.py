"""A key of the stored configuration, and how a variable becomes its default."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from fastback.config import variable_parsing
from fastback.config.variable_parsing import Reader

log = logging.getLogger("fastback.config")


class Derived(NamedTuple):
    """A default that is made of other variables."""

    make: Callable[[Mapping[str, str]], Any]
    #: The variables it is made of.
    variables: tuple[str, ...]
    #: What it is, in a few words.
    about: str


class Key(NamedTuple):
    """`name` in the table `config`; the variables that set its default, the first that is set; the default without.

    How a variable is read follows from the default: texts as they are, `true`, numbers, JSON objects and lists. Where
    that is not enough, `reader` says it.
    """

    name: str
    variables: tuple[str, ...]
    fallback: Any
    reader: Reader | None = None

    def read(self) -> Reader:
        """How its variables are read."""
        return self.reader or _BY_TYPE[type(self.fallback)]

    def default(self, env: Mapping[str, str]) -> Any:
        """The default under these variables; a variable that makes no sense is logged and passed over."""
        reader = self.read()
        for variable in self.variables:
            text = env.get(variable)
            if text is None or (text == "" and not reader.empty):
                continue
            try:
                return reader.parse(text)
            except ValueError as error:
                log.warning("%s is passed over, it should be %s: %s", variable, reader.about, error)
        return self.fallback.make(env) if isinstance(self.fallback, Derived) else deepcopy(self.fallback)


_BY_TYPE: dict[type, Reader] = {
    str: variable_parsing.TEXT,
    bool: variable_parsing.FLAG,
    int: variable_parsing.WHOLE,
    float: variable_parsing.NUMBER,
    dict: variable_parsing.OBJECT,
    list: variable_parsing.LIST,
    Derived: variable_parsing.TEXT,
}
