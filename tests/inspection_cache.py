"""Annotations and signatures of Fastback's functions, each looked up once: they do not change while tests run."""

from __future__ import annotations

import inspect
import typing
from typing import Any

_get_type_hints = typing.get_type_hints
_signature = inspect.signature
_hints: dict[Any, dict[str, Any]] = {}
_signatures: dict[Any, inspect.Signature] = {}


def get_type_hints(kind: Any, *namespaces: Any, include_extras: bool = False) -> dict[str, Any]:
    """Do what `typing.get_type_hints` does."""
    key = _key(kind) if include_extras and not namespaces else None
    if key is None:
        return _get_type_hints(kind, *namespaces, include_extras=include_extras)
    if key not in _hints:
        _hints[key] = _get_type_hints(kind, include_extras=True)
    return _hints[key].copy()


def signature(function: Any, **options: Any) -> inspect.Signature:
    """Do what `inspect.signature` does."""
    key = _key(function) if inspect.isfunction(function) and not options else None
    if key is None:
        return _signature(function, **options)
    if key not in _signatures:
        _signatures[key] = _signature(function)
    return _signatures[key]


def _key(kind: Any) -> Any:
    """Return what both follow from, or None for what is not ours.

    Functions that a function makes are new for each server, so that they are told apart by what is written in them.
    """
    if not str(getattr(kind, "__module__", "")).startswith("fastback."):
        return None
    defaults = getattr(kind, "__defaults__", None), getattr(kind, "__kwdefaults__", None)
    return kind.__module__, kind.__qualname__, str(defaults), *kind.__annotations__.items()
