"""Claims about users: nested names, lists in several spellings, and values of unexpected types."""

from __future__ import annotations

from typing import Any

import msgspec

Claims = dict[str, Any]

#: Roles or groups of a user that are read.
MAX_NAMES = 1000


def find_claim(claims: Claims, name: str) -> list[Any] | str | int | None:
    """Return the claim at a dotted name, or at a name that contains dots itself; None where its type is another."""
    value: Any = claims
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, list | str | int):
        value = claims.get(name)
    return value if isinstance(value, list | str | int) else None


def find_claim_in(sources: list[Claims], name: str) -> list[Any] | str | int | None:
    """Return the claim from the first source that has it."""
    values = (find_claim(claims, name) for claims in sources)
    return next((value for value in values if value is not None), None)


def split_names(value: list[Any] | str | int | None, separator: str) -> list[str]:
    """Return the names in a claim: a list, or a text in which a separator may divide them.

    What is no text in a list becomes its JSON, which no name of a role or group equals by accident.
    """
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, str):
        names = [name.strip() for name in value.split(separator)] if separator else [value]
    else:
        items = value if isinstance(value, list) else [value]
        names = [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in items[:MAX_NAMES]]
    return list(dict.fromkeys(names))[:MAX_NAMES]


def read_text(claims: Claims, name: str) -> str:
    """Return a claim that is a text; empty where it is missing or of another type."""
    value = claims.get(name) if name else None
    return value.strip() if isinstance(value, str) else ""


def read_identifier(claims: Claims, name: str) -> str:
    """Return a claim that identifies a user: a text or a number; empty where it is missing or of another type."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value) if value else ""
