"""Integers beyond 64 bits in decoded bodies: msgspec reads any integer, databases and clocks take none of these."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import msgspec

#: Tell whether every integer of a decoded value has at most 64 bits.
BoundsCheck = Callable[[Any], bool]

SMALLEST, LARGEST = -(2**63), 2**63 - 1


def compile_bounds_check(kind: Any) -> BoundsCheck | None:
    """Return a check of the integers that a type declares; None where it declares none.

    Undeclared values (`Any`) are not looked at: a JSON document may have any number.
    """
    if kind is int:
        return _check_integer
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _compile_struct_check(kind)
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return compile_bounds_check(members[0])
    if origin is typing.Literal:
        return None
    checks = [check for member in members if (check := compile_bounds_check(member)) is not None]
    if not checks:
        return None
    if origin is dict:
        return lambda value: (
            not isinstance(value, dict) or all(check(item) for check in checks for item in value.values())
        )
    if origin in (list, tuple, set, frozenset):
        return lambda value: not isinstance(value, origin) or all(check(item) for check in checks for item in value)
    return lambda value: all(check(value) for check in checks)  # a union: each check passes what is not of its type


def _check_integer(value: Any) -> bool:
    return not isinstance(value, int) or SMALLEST <= value <= LARGEST


def _compile_struct_check(kind: type[msgspec.Struct]) -> BoundsCheck | None:
    hints = typing.get_type_hints(kind, include_extras=True)
    checks = [
        (name, check) for name in kind.__struct_fields__ if (check := compile_bounds_check(hints[name])) is not None
    ]
    if not checks:
        return None
    return lambda value: not isinstance(value, kind) or all(check(getattr(value, name)) for name, check in checks)
