"""The operations of a patch (RFC 7644, section 3.5.2), each about one attribute."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fastback.features.scim.errors import InvalidSyntax, InvalidValue, ScimError

#: Operations of one request, and characters of a path.
MAX_OPERATIONS, MAX_PATH_LENGTH = 1_000, 1_000
_OPERATIONS = ("add", "replace", "remove")
#: Attributes that clients repeat and may not change.
_REPEATED = frozenset({"schemas", "meta"})


class Operation(msgspec.Struct, frozen=True):
    """An operation on an attribute."""

    op: Literal["add", "replace", "remove"]
    path: str
    value: Any


def read_operations(data: dict[str, Any], resource_id: str) -> list[Operation]:
    """Return the operations of a request; one without a path becomes one for each attribute in its value.

    Raises:
        ScimError: 400, the request is no patch.
    """
    entries = next((value for name, value in data.items() if name.lower() == "operations"), None)
    if not isinstance(entries, list):
        raise InvalidSyntax("Operations must be a list")
    operations: list[Operation] = []
    for entry in entries:
        operations += _read_entry(entry, resource_id)
        if len(operations) > MAX_OPERATIONS:
            raise ScimError(413, f"The patch has more than {MAX_OPERATIONS} operations")
    return operations


def _read_entry(entry: Any, resource_id: str) -> list[Operation]:
    if not isinstance(entry, dict):
        raise InvalidSyntax("An operation must be an object")
    fields = {name.lower(): value for name, value in entry.items()}
    op, path, value = fields.get("op"), fields.get("path"), fields.get("value")
    if not isinstance(op, str) or op.lower() not in _OPERATIONS:
        raise InvalidSyntax(f"Unsupported PATCH operation: {str(op)[:100]}")
    op = op.lower()
    if path is not None and not isinstance(path, str):
        raise InvalidSyntax("path must be a string")
    if path:
        return [_build_operation(op, path, value)]
    if op == "remove":
        raise ScimError(400, "Remove requires a path", "noTarget")
    if not isinstance(value, dict) or not value:
        raise InvalidValue("A pathless operation requires an attribute object")
    return [
        _build_operation(op, name, item)
        for name, item in value.items()
        if name.lower() not in _REPEATED and (name.lower(), item) != ("id", resource_id)
    ]


def _build_operation(op: Any, path: str, value: Any) -> Operation:
    path = path.strip()
    if len(path) > MAX_PATH_LENGTH:
        raise ScimError(400, f"The path is too long: {MAX_PATH_LENGTH} characters at most", "invalidPath")
    return Operation(op, path, value)
