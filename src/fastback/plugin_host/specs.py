"""Specifications of tools for models: a JSON schema for each method, from its signature and docstring.

This module runs in the worker process that loads the plugin; pydantic is imported there and nowhere in the server.
"""

from __future__ import annotations

import copy
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_PARAM_LINE = re.compile(r":param (\w+):\s*(.*)")


def parse_description(docstring: str | None) -> str:
    """Return a docstring without its fields."""
    lines: list[str] = []
    for line in (docstring or "").strip().split("\n"):
        if line.strip().startswith((":param", ":return")):
            break
        lines.append(line.strip())
    return "\n".join(lines)


def parse_parameters(docstring: str | None) -> dict[str, str]:
    """Return the description of each parameter: `:param name: …`, which may span several lines.

    Parameters that the server fills in (`__user__`) are left out.
    """
    descriptions: dict[str, str] = {}
    current: str | None = None
    for line in (docstring or "").splitlines():
        line = line.strip()
        if match := _PARAM_LINE.match(line):
            current = None if match[1].startswith("__") else match[1]
            if current:
                descriptions[current] = match[2]
        elif line.startswith(":"):
            current = None
        elif current and line:
            descriptions[current] = "\n".join(part for part in (descriptions[current], line) if part)
    return descriptions


def list_methods(tools: object) -> list[Callable[..., Any]]:
    """Return the public methods of a tool, sorted by name."""
    members = [getattr(tools, name) for name in dir(tools) if not name.startswith("_")]
    return [member for member in members if callable(member) and not inspect.isclass(member)]


def build_spec(method: Callable[..., Any]) -> Schema:
    """Return the specification of a method as `{"name", "description", "parameters"}`."""
    schema = _resolve_references(build_model(method).model_json_schema())
    schema.pop("$defs", None)
    spec = {
        "name": schema.pop("title", ""),
        "description": schema.pop("description", ""),
        "parameters": _remove_titles(schema),
    }
    _simplify_types(spec["parameters"])
    return spec


def build_model(method: Callable[..., Any]) -> Any:
    """Return a model of pydantic whose fields are the parameters of a method, with their descriptions."""
    import pydantic

    hints = typing.get_type_hints(method)
    descriptions = parse_parameters(method.__doc__)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        value = pydantic.Field(default, description=descriptions[name]) if descriptions.get(name) else default
        fields[name] = (hints.get(name, Any), value)
    model: Any = pydantic.create_model(method.__name__, **fields)
    model.__doc__ = parse_description(method.__doc__)
    return model


def _resolve_references(schema: Schema) -> Schema:
    """Return the schema with every reference replaced by its target; a circular reference is cut where it closes."""

    def resolve(part: Any, open_refs: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [resolve(item, open_refs) for item in part]
        if not isinstance(part, dict):
            return part
        others = {
            key: copy.deepcopy(value) if key == "$defs" else resolve(value, open_refs)
            for key, value in part.items()
            if key != "$ref"
        }
        ref = part.get("$ref")
        if not isinstance(ref, str) or ref in open_refs:
            return others
        target: Any = schema
        for step in ref.split("/")[1:]:
            target = target[step]
        return {**resolve(target, (*open_refs, ref)), **others}

    resolved: Schema = resolve(schema, ())
    return resolved


def _remove_titles(part: Schema, parent_key: str = "") -> Schema:
    """Return a schema without titles; a property that is called `title` stays."""
    remaining: Schema = {}
    for key, value in part.items():
        if key == "title" and not (isinstance(value, dict) and parent_key == "properties"):
            continue
        remaining[key] = _remove_titles(value, key) if isinstance(value, dict) else value
    return remaining


def _simplify_types(schema: Any) -> None:
    """Replace "string or null" by "string" and add missing types, in place: models understand such schemas best."""
    if not isinstance(schema, dict):
        return
    if "anyOf" in schema:
        alternatives = [alternative for alternative in schema["anyOf"] if alternative.get("type") != "null"]
        if len(alternatives) == 1:
            schema.update(alternatives[0])
            del schema["anyOf"]
        else:
            schema["anyOf"] = alternatives
    if "default" in schema and schema["default"] is None:
        del schema["default"]
    if not schema.keys() & {"type", "anyOf", "properties"}:
        schema["type"] = "string"
    for part in schema.get("properties", {}).values():
        _simplify_types(part)
    if "items" in schema:
        _simplify_types(schema["items"])
