"""What a setting says about itself, and how the text of a variable becomes its value."""

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
    """What stands beside a setting's type: its line in the documentation, its other names, what it may be.

    `idle` says why a setting is read and has no effect; `pattern` is what a text must look like.
    """

    text: str
    #: Names besides the field's own in capitals; the field's own counts first.
    names: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    idle: str = ""
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
    """Describe a setting: `Annotated[int, about("Port to listen on.", least=0, most=65535)]`."""
    return About(text, names, choices, least, most, idle, pattern)


class Field(NamedTuple):
    """A setting taken apart: `kind` is its type without None."""

    name: str
    kind: type[Any]
    optional: bool
    about: About

    @property
    def variables(self) -> tuple[str, ...]:
        """Its variables, the first that is set counts."""
        return (self.name.upper(), *self.about.names)


def field_of(name: str, hint: Any) -> Field:
    """Take an annotation `Annotated[X | None, about(…)]` apart."""
    described = About("")
    if typing.get_origin(hint) is Annotated:
        hint, *extra = typing.get_args(hint)
        described = next((one for one in extra if isinstance(one, About)), described)
    optional = False
    if isinstance(hint, types.UnionType):
        optional = True
        hint = next(one for one in typing.get_args(hint) if one is not type(None))
    return Field(name, hint, optional, described)


def is_true(text: str) -> bool:
    """Whether a text switches something on. As in Open WebUI, nothing but `true` does, in any case of letters."""
    return text.lower() == "true"


def parse(field: Field, variable: str, text: str) -> Any:
    """The value of a variable.

    Raises:
        SettingsError: the text does not fit.
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
        raise SettingsError(f"{variable}: {text!r} makes no sense here")
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
    raise SettingsError(f"{variable}: {text!r} is none of {', '.join(one for one in field.about.choices if one)}")
