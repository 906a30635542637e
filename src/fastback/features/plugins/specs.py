"""What a model is told about a tool: a JSON schema for each method, from its signature and docstring.

Runs where the plugin is loaded, in a process of its own: pydantic is imported here and nowhere in the server.
"""

from __future__ import annotations

import copy
import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_PARAM = re.compile(r":param (\w+):\s*(.*)")


def described(docstring: str | None) -> str:
    """The docstring without its fields."""
    found: list[str] = []
    for line in (docstring or "").strip().split("\n"):
        if line.strip().startswith((":param", ":return")):
            break
        found.append(line.strip())
    return "\n".join(found)


def parameters(docstring: str | None) -> dict[str, str]:
    """What `:param name: …` says of each parameter, over several lines; those of the server (`__user__`) left out."""
    found: dict[str, str] = {}
    current: str | None = None
    for line in (docstring or "").splitlines():
        line = line.strip()
        if match := _PARAM.match(line):
            current = None if match[1].startswith("__") else match[1]
            if current:
                found[current] = match[2]
        elif line.startswith(":"):
            current = None
        elif current and line:
            found[current] = "\n".join(part for part in (found[current], line) if part)
    return found


def methods(tools: object) -> list[Callable[..., Any]]:
    """The public methods of a tool, by name."""
    found = [getattr(tools, name) for name in dir(tools) if not name.startswith("_")]
    return [one for one in found if callable(one) and not inspect.isclass(one)]


def spec(method: Callable[..., Any]) -> Schema:
    """A method as `{"name", "description", "parameters"}`."""
    import pydantic

    hints = typing.get_type_hints(method)
    told = parameters(method.__doc__)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        value = pydantic.Field(default, description=told[name]) if told.get(name) else default
        fields[name] = (hints.get(name, Any), value)
    model: Any = pydantic.create_model(method.__name__, **fields)
    model.__doc__ = described(method.__doc__)
    schema = _resolved(model.model_json_schema())
    schema.pop("$defs", None)
    found = {
        "name": schema.pop("title", ""),
        "description": schema.pop("description", ""),
        "parameters": _without_titles(schema),
    }
    _simplify(found["parameters"])
    return found


def _resolved(schema: Schema) -> Schema:
    """The schema with every reference replaced by what it refers to; a circle is cut where it closes."""

    def resolve(part: Any, open_refs: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [resolve(one, open_refs) for one in part]
        if not isinstance(part, dict):
            return part
        rest = {
            key: copy.deepcopy(value) if key == "$defs" else resolve(value, open_refs)
            for key, value in part.items()
            if key != "$ref"
        }
        ref = part.get("$ref")
        if not isinstance(ref, str) or ref in open_refs:
            return rest
        found: Any = schema
        for step in ref.split("/")[1:]:
            found = found[step]
        return {**resolve(found, (*open_refs, ref)), **rest}

    made: Schema = resolve(schema, ())
    return made


def _without_titles(part: Schema, below: str = "") -> Schema:
    """A schema without titles; a property that is called `title` stays."""
    found: Schema = {}
    for key, value in part.items():
        if key == "title" and not (isinstance(value, dict) and below == "properties"):
            continue
        found[key] = _without_titles(value, key) if isinstance(value, dict) else value
    return found


def _simplify(schema: Any) -> None:
    """Make of "a string or nothing" a string, and name a type everywhere, as models understand it best."""
    if not isinstance(schema, dict):
        return
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        if len(kinds) == 1:
            schema.update(kinds[0])
            del schema["anyOf"]
        else:
            schema["anyOf"] = kinds
    if "default" in schema and schema["default"] is None:
        del schema["default"]
    if not schema.keys() & {"type", "anyOf", "properties"}:
        schema["type"] = "string"
    for one in schema.get("properties", {}).values():
        _simplify(one)
    if "items" in schema:
        _simplify(schema["items"])
