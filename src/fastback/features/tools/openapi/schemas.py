"""Schemas of OpenAPI documents as models get them: references resolved, and free of what model servers reject.

Documents come from other servers: references may form circles, and a few of them may stand for millions of schemas.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

#: Levels of a resolved schema, and schemas in one operation and in all operations of a document. Beyond these limits
#: a schema becomes an empty one, which accepts every value.
MAX_DEPTH, MAX_OPERATION_SCHEMAS, MAX_DOCUMENT_SCHEMAS = 16, 2_000, 50_000

_LISTS = ("oneOf", "anyOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties", "not")
#: Fields that say nothing to a model.
_DROPPED = frozenset(("$ref", "discriminator", "xml", "externalDocs"))
#: With one of these, a schema without a type is complete.
_TYPELESS = frozenset(("anyOf", "oneOf", "allOf", "properties", "enum", "const", "not"))


class SchemaResolver:
    """Resolve the references of one document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._document_budget = MAX_DOCUMENT_SCHEMAS
        self._budget = 0

    def begin_operation(self) -> None:
        """Start to count the schemas of another operation."""
        self._budget = min(MAX_OPERATION_SCHEMAS, self._document_budget)
        self._document_budget -= self._budget

    def end_operation(self) -> None:
        """Leave to the other operations what this one has not used."""
        self._document_budget += max(self._budget, 0)
        self._budget = 0

    def follow_reference(self, value: Any) -> Json:
        """Return an object of the document: `value` itself, or what it refers to; empty for a broken reference."""
        for _ in range(MAX_DEPTH):
            if not isinstance(value, dict):
                return {}
            if not isinstance(value.get("$ref"), str):
                return value
            value = self._find_target(value["$ref"])
        return {}

    def resolve(self, schema: Any) -> Json:
        """Return a copy of a schema with its references resolved; one inside itself becomes an empty schema."""
        return self._resolve(schema, frozenset(), 0)

    def _resolve(self, schema: Any, parents: frozenset[str], depth: int) -> Json:
        self._budget -= 1
        if not isinstance(schema, dict) or self._budget < 0 or depth > MAX_DEPTH:
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in parents:
                return {}
            target = self._resolve(self._find_target(reference), parents | {reference}, depth + 1)
            return {**target, **{name: schema[name] for name in ("description", "default") if name in schema}}
        result: Json = {}
        for key, value in schema.items():
            if key in _DROPPED:
                continue
            if key == "properties" and isinstance(value, dict):
                result[key] = {str(name): self._resolve(inner, parents, depth + 1) for name, inner in value.items()}
            elif key in _LISTS and isinstance(value, list):
                result[key] = [self._resolve(inner, parents, depth + 1) for inner in value]
            elif key in _SINGLES and isinstance(value, dict):
                result[key] = self._resolve(value, parents, depth + 1)
            elif key == "required":
                if isinstance(value, list):  # elsewhere a boolean, from an older version of JSON Schema
                    result[key] = [name for name in value if isinstance(name, str)]
            else:
                result[str(key)] = value
        return result

    def _find_target(self, reference: str) -> Any:
        """Return what a reference inside the document points at, or None."""
        if not reference.startswith("#/"):
            return None
        value: Any = self._document
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
        return value


def merge_all_of(schema: Json) -> Json:
    """Return a resolved schema with the properties of the schemas in its `allOf`."""
    parts = schema.get("allOf")
    if not isinstance(parts, list):
        return schema
    result = {key: value for key, value in schema.items() if key != "allOf"}
    for part in map(merge_all_of, parts):
        properties = {**get_properties(part), **get_properties(result)}
        required = [*get_required(result), *get_required(part)]
        result = {**part, **result}
        if properties:
            result["properties"] = properties
        if required:
            result["required"] = list(dict.fromkeys(required))
    return result


def get_properties(schema: Json) -> Json:
    """Return the properties of a schema; empty where it has none."""
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def get_required(schema: Json) -> list[str]:
    """Return the names of a schema's required properties."""
    required = schema.get("required")
    return required if isinstance(required, list) else []


def clean_schema(schema: Json) -> None:
    """Change a resolved schema in place to one that model servers accept.

    Null goes out of alternatives and defaults, and a schema without a type is one of a text. Alternatives stay as they
    are otherwise.
    """
    variants = schema.get("anyOf")
    if isinstance(variants, list):
        variants = [variant for variant in variants if variant.get("type") != "null"]
        del schema["anyOf"]
        if len(variants) == 1:
            schema.update({key: value for key, value in variants[0].items() if key not in schema})
        elif variants:
            schema["anyOf"] = variants
    if schema.get("default", "") is None:
        del schema["default"]
    if not schema.get("type") and not _TYPELESS & schema.keys():
        schema["type"] = "object" if "additionalProperties" in schema else "string"
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        schema["items"] = {"type": "string"}
    for inner in get_properties(schema).values():
        clean_schema(inner)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            clean_schema(schema[key])
