"""Descriptions of settings, and the conversion of a variable's text into a value."""

from __future__ import annotations

import logging
import re
import types
import typing
from typing import Annotated, Any, NamedTuple

from fastback.settings.environment import SettingsError

log = logging.getLogger("fastback.settings")

_FALSE = ("false", "0", "no", "off")


class About(NamedTuple):
    """The annotation of a setting: its documentation, the aliases of its variable and the values it accepts."""

    #: The line of the setting in the documentation.
    text: str
    #: Other names of the variable. The name of the field in capitals takes precedence over them.
    names: tuple[str, ...] = ()
    #: The accepted texts, whatever the case of their letters; any text when empty.
    choices: tuple[str, ...] = ()
    #: The bounds of a number, both included.
    least: float | None = None
    most: float | None = None
    #: Why the setting has no effect; empty if it has one.
    idle: str = ""
    #: Regular expression of the accepted texts, without the spaces around them; any text when empty.
    pattern: str = ""


def about(
    text: str,
    *names: str,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    idle: str = "",
    pattern: str = "",
) -> About:
    """Describe a setting, as in `Annotated[int, describe("Port to listen on.", minimum=0, maximum=65535)]`."""
    return About(text, names, choices, least, most, idle, pattern)


class Field(NamedTuple):
    """A setting: its name, its type without None, whether None is allowed, and its description."""

    name: str
    kind: type[Any]
    optional: bool
    about: About

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the names of its variables; the first one that is set applies."""
        return (self.name.upper(), *self.about.names)


def field_of(name: str, hint: Any) -> Field:
    """Return the setting that an annotation `Annotated[X | None, describe(…)]` declares."""
    described = About("")
    if typing.get_origin(hint) is Annotated:
        hint, *extra = typing.get_args(hint)
        described = next((item for item in extra if isinstance(item, About)), described)
    optional = False
    if isinstance(hint, types.UnionType):
        optional = True
        hint = next(member for member in typing.get_args(hint) if member is not type(None))
    return Field(name, hint, optional, described)


def is_true(text: str) -> bool:
    """Return whether a text enables a setting: as in Open WebUI, only `true` does, in any case of letters."""
    return text.lower() == "true"


def parse(field: Field, variable: str, text: str) -> Any:
    """Return the value of a variable's text. A boolean that is neither true nor false is logged and counts as false.

    Raises:
        SettingsError: the text is invalid for this setting.
    """
    if field.kind is bool:
        if text.lower() not in ("true", *_FALSE):
            log.warning("%s=%r counts as false; to switch it on, write true", variable, text)
        return is_true(text)
    if field.optional and (text == "" or (field.kind is not str and text.strip().lower() == "none")):
        return None
    if field.kind in (int, float):
        return _number(field, variable, text)
    if field.about.choices:
        return _choice(field, variable, text)
    if field.about.pattern and not re.fullmatch(field.about.pattern, text.strip()):
        raise SettingsError(f"{variable}: {text!r} is invalid")
    return text


def _number(field: Field, variable: str, text: str) -> Any:
    try:
        value = field.kind(text.strip())
    except ValueError:
        raise SettingsError(f"{variable}: {text!r} is not a {'whole ' if field.kind is int else ''}number") from None
    least, most = field.about.least, field.about.most
    if (least is not None and value < least) or (most is not None and value > most) or value != value:
        wanted = f"between {least:g} and {most:g}" if least is not None and most is not None else f"at least {least:g}"
        raise SettingsError(f"{variable}: {text} is not {wanted}")
    return value


def _choice(field: Field, variable: str, text: str) -> str:
    for choice in field.about.choices:
        if text.strip().lower() == choice.lower():
            return choice
    choices = ", ".join(choice for choice in field.about.choices if choice)
    raise SettingsError(f"{variable}: {text!r} is not one of {choices}")
