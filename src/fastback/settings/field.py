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


class SettingDescription(NamedTuple):
    """The annotation of a setting: its documentation, the aliases of its variable and the values it accepts."""

    #: The line of the setting in the documentation.
    text: str
    #: Other names of the variable. The name of the field in capitals takes precedence over them.
    aliases: tuple[str, ...] = ()
    #: The accepted texts, whatever the case of their letters; any text when empty.
    choices: tuple[str, ...] = ()
    #: The bounds of a number, both included.
    minimum: float | None = None
    maximum: float | None = None
    #: Why the setting has no effect; empty if it has one.
    no_effect: str = ""
    #: Regular expression of the accepted texts, without the spaces around them; any text when empty.
    pattern: str = ""


def describe(
    text: str,
    *aliases: str,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    no_effect: str = "",
    pattern: str = "",
) -> SettingDescription:
    """Describe a setting, as in `Annotated[int, describe("Port to listen on.", minimum=0, maximum=65535)]`."""
    return SettingDescription(text, aliases, choices, minimum, maximum, no_effect, pattern)


class SettingField(NamedTuple):
    """A setting: its name, its type without None, whether None is allowed, and its description."""

    name: str
    value_type: type[Any]
    optional: bool
    description: SettingDescription

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the names of its variables; the first one that is set applies."""
        return (self.name.upper(), *self.description.aliases)


def parse_annotation(name: str, annotation: Any) -> SettingField:
    """Return the setting that an annotation `Annotated[X | None, describe(…)]` declares."""
    description = SettingDescription("")
    if typing.get_origin(annotation) is Annotated:
        annotation, *metadata = typing.get_args(annotation)
        description = next((item for item in metadata if isinstance(item, SettingDescription)), description)
    optional = False
    if isinstance(annotation, types.UnionType):
        optional = True
        annotation = next(member for member in typing.get_args(annotation) if member is not type(None))
    return SettingField(name, annotation, optional, description)


def is_true(text: str) -> bool:
    """Return whether a text enables a setting: as in Open WebUI, only `true` does, in any case of letters."""
    return text.lower() == "true"


def parse_value(field: SettingField, variable: str, text: str) -> Any:
    """Return the value of a variable's text. A boolean that is neither true nor false is logged and counts as false.

    Raises:
        SettingsError: the text is invalid for this setting.
    """
    if field.value_type is bool:
        if text.lower() not in ("true", *_FALSE):
            log.warning("%s=%r counts as false; to switch it on, write true", variable, text)
        return is_true(text)
    if field.optional and (text == "" or (field.value_type is not str and text.strip().lower() == "none")):
        return None
    if field.value_type in (int, float):
        return _parse_number(field, variable, text)
    if field.description.choices:
        return _parse_choice(field, variable, text)
    if field.description.pattern and not re.fullmatch(field.description.pattern, text.strip()):
        raise SettingsError(f"{variable}: {text!r} is invalid")
    return text


def _parse_number(field: SettingField, variable: str, text: str) -> Any:
    try:
        value = field.value_type(text.strip())
    except ValueError:
        raise SettingsError(
            f"{variable}: {text!r} is not a {'whole ' if field.value_type is int else ''}number"
        ) from None
    minimum, maximum = field.description.minimum, field.description.maximum
    if (minimum is not None and value < minimum) or (maximum is not None and value > maximum) or value != value:
        expected = (
            f"between {minimum:g} and {maximum:g}"
            if minimum is not None and maximum is not None
            else f"at least {minimum:g}"
        )
        raise SettingsError(f"{variable}: {text} is not {expected}")
    return value


def _parse_choice(field: SettingField, variable: str, text: str) -> str:
    for choice in field.description.choices:
        if text.strip().lower() == choice.lower():
            return choice
    choices = ", ".join(choice for choice in field.description.choices if choice)
    raise SettingsError(f"{variable}: {text!r} is not one of {choices}")
