"""`attributes` and `excludedAttributes`: the parts of resources that a response contains (RFC 7644, section 3.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fastback.features.scim.errors import InvalidValue

#: Attributes that are always part of a resource.
_ALWAYS = frozenset({"schemas", "id"})
#: Characters and names of the longest list.
_MAX_LENGTH, _MAX_NAMES = 8_192, 200


def _read_names(value: Any, schemas: tuple[str, ...]) -> frozenset[str]:
    """Return the names of attributes in lower case, without the address of the schema before them.

    Raises:
        ScimError: 400, the value is no list of names.
    """
    if value is None:
        return frozenset()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidValue("attributes must be a list of names")
    if sum(map(len, texts)) > _MAX_LENGTH:
        raise InvalidValue(f"The list of attributes is too long: {_MAX_LENGTH} characters at most")
    names = [name.strip().lower() for text in texts for name in text.split(",") if name.strip()]
    if len(names) > _MAX_NAMES:
        raise InvalidValue(f"The list of attributes is too long: {_MAX_NAMES} names at most")
    for schema in schemas:
        prefix = f"{schema.lower()}:"
        names = [name.removeprefix(prefix) for name in names]
    return frozenset(names)


class AttributeSelection(msgspec.Struct, frozen=True):
    """The names of the attributes that a client wants, or does not want; both empty: what is usually returned."""

    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    @classmethod
    def read(cls, attributes: Any, excluded: Any, schemas: tuple[str, ...]) -> AttributeSelection:
        """Return the selection of a request about resources of these schemas.

        Raises:
            ScimError: 400, a list is invalid, or both are there.
        """
        selection = cls(_read_names(attributes, schemas), _read_names(excluded, schemas))
        if selection.included and selection.excluded:
            raise InvalidValue("attributes and excludedAttributes exclude each other")
        return selection

    def has_attribute(self, name: str) -> bool:
        """Return whether responses contain an attribute, or a part of it."""
        name = name.lower()
        if self.included:
            return any(selected.partition(".")[0] == name for selected in self.included)
        return name not in self.excluded

    def is_requested(self, path: str) -> bool:
        """Return whether a client wants an attribute that is returned only on request."""
        return path.lower() in self.included

    def apply(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return the selected parts of a resource."""
        if not self.included and not self.excluded:
            return content
        selected = {}
        for name, value in content.items():
            if name in _ALWAYS:
                selected[name] = value
            elif self.has_attribute(name):
                selected[name] = self._apply_below(name.lower(), value)
        return selected

    def _apply_below(self, name: str, value: Any) -> Any:
        """Return the selected sub-attributes of an attribute."""
        if self.included:
            if name in self.included:
                return value
            parts = {path.partition(".")[2] for path in self.included if path.startswith(f"{name}.")}
            return _filter_fields(value, lambda field: field.lower() in parts)
        parts = {path.partition(".")[2] for path in self.excluded if path.startswith(f"{name}.")}
        return _filter_fields(value, lambda field: field.lower() not in parts) if parts else value


def _filter_fields(value: Any, is_selected: Callable[[str], bool]) -> Any:
    if isinstance(value, list):
        return [_filter_fields(item, is_selected) for item in value]
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    return {name: item for name, item in value.items() if is_selected(name)} if isinstance(value, dict) else value
