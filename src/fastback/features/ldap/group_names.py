"""The names of groups, from their distinguished names (RFC 4514)."""

from __future__ import annotations

import logging
import string
from collections.abc import Iterable, Iterator

log = logging.getLogger("fastback.ldap")

_SEPARATORS = frozenset(",+;")
_COMMON_NAME = frozenset({"cn", "2.5.4.3", "oid.2.5.4.3"})
_HEX_DIGITS = frozenset(string.hexdigits)
#: Groups of one user; further ones are skipped.
MAX_GROUPS = 2000


def list_group_names(distinguished_names: Iterable[str]) -> list[str]:
    """Return the first common name of each distinguished name, without duplicates; those without one are skipped."""
    names: dict[str, None] = {}
    for distinguished_name in distinguished_names:
        name = find_common_name(distinguished_name)
        if name is None or not name.strip():
            log.warning("group skipped, no CN found in %r", distinguished_name[:200])
        elif len(names) >= MAX_GROUPS:
            log.warning("groups skipped, a user has more than %d", MAX_GROUPS)
            break
        else:
            names[name] = None
    return list(names)


def find_common_name(distinguished_name: str) -> str | None:
    """Return the first common name (`CN=`) of a distinguished name, without escapes, or None."""
    for component in _iterate_components(distinguished_name):
        attribute, _, value = component.partition("=")
        if attribute.strip().lower() in _COMMON_NAME:
            return _unescape_value(_strip_spaces(value))
    return None


def _iterate_components(distinguished_name: str) -> Iterator[str]:
    """Yield each `attribute=value`, with escapes."""
    start = position = 0
    while position < len(distinguished_name):
        character = distinguished_name[position]
        if character in _SEPARATORS:
            yield distinguished_name[start:position]
            start = position + 1
        position += 2 if character == "\\" else 1
    yield distinguished_name[start:]


def _strip_spaces(value: str) -> str:
    """Return a value without the spaces around it, except for one that is escaped."""
    value = value.lstrip(" ")
    stripped = value.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return f"{stripped} " if backslashes % 2 and stripped != value else stripped


def _unescape_value(value: str) -> str:
    """Return a value without escapes: `\\,` is a comma, `\\C3\\A4` the bytes of a letter in UTF-8."""
    octets = bytearray()
    position = 0
    while position < len(value):
        if value[position] != "\\":
            octets += value[position].encode("utf-8", "replace")
            position += 1
            continue
        escaped = value[position + 1 : position + 3]
        if len(escaped) == 2 and _HEX_DIGITS.issuperset(escaped):
            octets.append(int(escaped, 16))
            position += 3
        else:
            octets += escaped[:1].encode("utf-8", "replace")
            position += 2
    return octets.decode("utf-8", "replace")
