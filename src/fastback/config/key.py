"""A key of the stored configuration, and how a variable becomes its default."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import msgspec

log = logging.getLogger("fastback.config")


class Key(NamedTuple):
    """`name` in the table `config`, the variables that set its default (the first that is set), the default without them.

    The default's type says how a variable is read: texts as they are, `true`/`false`, numbers, JSON for lists and
    objects; lists with a `separator` are items between separators. A default of None takes JSON, or else text.
    """

    name: str
    variables: tuple[str, ...]
    fallback: Any
    separator: str | None = None

    def default(self, env: Mapping[str, str]) -> Any:
        """The default under these variables; a variable that does not parse is logged and passed over."""
        for variable in self.variables:
            text = env.get(variable)
            if text is None or (text == "" and not isinstance(self.fallback, str)):
                continue
            try:
                return self._parsed(text)
            except (ValueError, msgspec.DecodeError) as error:
                log.warning("%s is not understood and passed over: %s", variable, error)
        return deepcopy(self.fallback)

    def _parsed(self, text: str) -> Any:
        kind = type(self.fallback)
        if kind is str:
            return text
        if kind is bool:
            return text.strip().lower() in ("true", "1", "yes", "on")
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
        if kind is list and self.separator is not None:
            items = [one.strip() for one in text.split(self.separator)]
            return items if self.separator == ";" else [one for one in items if one]
        if kind in (list, dict):
            found = msgspec.json.decode(text)
            if not isinstance(found, kind):
                raise ValueError(f"{kind.__name__} expected")
            return found
        return self._guessed(text)

    @staticmethod
    def _guessed(text: str) -> Any:
        if text.strip().lower() in ("none", "null"):
            return None
        if text[:1] in "[{" or text.lstrip("-").replace(".", "", 1).isdigit():
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError:
                return text
        return text
