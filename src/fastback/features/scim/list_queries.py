"""Parameters of lists: page, filter and selected attributes, from a query string or the body of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fastback.features.scim.errors import InvalidValue
from fastback.features.scim.names import GROUP_SCHEMA, LIST_SCHEMA, USER_SCHEMA
from fastback.features.scim.selection import AttributeSelection

#: Resources on a page unless the client asks for another number, and at most.
DEFAULT_COUNT, MAX_COUNT = 20, 100
#: A later page begins nowhere in any installation.
_MAX_START_INDEX = 2**53


class ListQuery(msgspec.Struct, frozen=True):
    """What a client wants to list; resources are counted from 1."""

    start_index: int
    count: int
    filter_text: str | None
    selection: AttributeSelection

    @property
    def skip(self) -> int:
        return self.start_index - 1


def read_list_query(parameters: Mapping[str, Any]) -> ListQuery:
    """Return the query of a request; names are compared without regard to case.

    Numbers out of bounds are cut, as the standard wants it.

    Raises:
        ScimError: 400, a value is invalid.
    """
    values = {name.lower(): value for name, value in parameters.items()}
    filter_text = values.get("filter")
    if filter_text is not None and not isinstance(filter_text, str):
        raise InvalidValue("filter must be a string")
    return ListQuery(
        start_index=min(max(_read_integer(values, "startIndex", 1), 1), _MAX_START_INDEX),
        count=min(max(_read_integer(values, "count", DEFAULT_COUNT), 0), MAX_COUNT),
        filter_text=filter_text or None,
        selection=read_selection(values),
    )


def read_selection(parameters: Mapping[str, Any]) -> AttributeSelection:
    """Return the selected attributes of a request.

    Raises:
        ScimError: 400, a value is invalid.
    """
    values = {name.lower(): value for name, value in parameters.items()}
    return AttributeSelection.read(
        values.get("attributes"), values.get("excludedattributes"), (USER_SCHEMA, GROUP_SCHEMA)
    )


def _read_integer(values: Mapping[str, Any], name: str, default: int) -> int:
    value = values.get(name.lower())
    if value is None:
        return default
    if isinstance(value, str) and len(value) <= 30:
        try:
            return int(value)
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(f"{name} must be an integer")
    return value


def build_list(resources: list[Any], *, total: int, start_index: int = 1) -> dict[str, Any]:
    """Return a list as the standard wraps it."""
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "itemsPerPage": len(resources),
        "startIndex": start_index,
        "Resources": resources,
    }
