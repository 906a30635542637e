"""A cache of the annotations and signatures of Fastback's functions, which do not change while tests run."""

from __future__ import annotations

import inspect
import typing
from typing import Any

_get_type_hints = typing.get_type_hints
_signature = inspect.signature
_hints: dict[Any, dict[str, Any]] = {}
_signatures: dict[Any, inspect.Signature] = {}


def get_type_hints(kind: Any, *namespaces: Any, include_extras: bool = False, **more: Any) -> dict[str, Any]:
    """Return the same as `typing.get_type_hints`, cached for Fastback's own functions and classes."""
    key = _build_key(kind) if include_extras and not namespaces and not more else None
    if key is None:
        return _get_type_hints(kind, *namespaces, include_extras=include_extras, **more)
    if key not in _hints:
        _hints[key] = _get_type_hints(kind, include_extras=True)
    return _hints[key].copy()


def signature(function: Any, **options: Any) -> inspect.Signature:
    """Return the same as `inspect.signature`, cached for Fastback's own functions."""
    key = _build_key(function) if inspect.isfunction(function) and not options else None
    if key is None:
        return _signature(function, **options)
    if key not in _signatures:
        _signatures[key] = _signature(function)
    return _signatures[key]


def _build_key(kind: Any) -> Any:
    """Return the key that determines annotations and signature, or None for objects outside Fastback.

    Nested functions are created again for each server, so the key consists of their definition, not their identity.
    """
    if not str(getattr(kind, "__module__", "")).startswith("fastback."):
        return None
    defaults = getattr(kind, "__defaults__", None), getattr(kind, "__kwdefaults__", None)
    return kind.__module__, kind.__qualname__, str(defaults), *kind.__annotations__.items()
