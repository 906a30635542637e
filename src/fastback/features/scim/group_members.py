"""Members of groups in requests: which users are meant, and the changes that patches make to them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from fastback.features.scim.errors import InvalidValue

#: Chooses the members after a change, given those before it.
ChooseMembers = Callable[[set[str]], Collection[str]]


def read_member_ids(value: Any) -> list[str]:
    """Return the ids of the users that a value of `members` names.

    Raises:
        ScimError: 400, a member has no id, or is no user.
    """
    if not isinstance(value, list):
        raise InvalidValue("Members must be a list of users.")
    return [_read_member_id(entry) for entry in value]


def _read_member_id(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise InvalidValue("A member user ID is required.")
    user_id, kind, address = entry.get("value"), entry.get("type"), entry.get("$ref")
    if user_id is None:  # names of attributes may have any case
        folded = {name.lower(): item for name, item in entry.items()}
        user_id, kind, address = folded.get("value"), folded.get("type"), folded.get("$ref")
    if kind not in (None, "User") or "/Groups/" in str(address or ""):
        raise InvalidValue("Only direct User members are supported by SCIM.")
    if not isinstance(user_id, str) or not user_id:
        raise InvalidValue("A member user ID is required.")
    return user_id
