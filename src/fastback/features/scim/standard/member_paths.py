"""Paths of patches that select members of a group: `members[value eq "…"]`."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from scim2_models import Path, SCIMException
from scim2_models.path import CompareOperator, Comparison, ValuePath

from fastback.features.scim.errors import ScimError
from fastback.features.scim.standard.resources import Group, Member


def read_member_path(text: str) -> tuple[str | None, Path[Any] | None]:
    """Return the id of the member that a path selects, or the path where it selects members in another way.

    Raises:
        ScimError: 400, the path is malformed, or does not select members.
    """
    refusal = ScimError(400, f"Unsupported PATCH path: {text[:200]}", "invalidPath")
    try:
        path = Path[Group](text)
        path.get(Group(members=[]))
    except (SCIMException, ValidationError, ValueError):
        raise refusal from None
    node = path.ast
    if not isinstance(node, ValuePath) or node.sub_attr is not None:
        raise refusal
    test = node.val_filter
    if isinstance(test, Comparison) and test.attr_path.attr.lower() == "value" and test.op == CompareOperator.eq:
        return str(test.value), None
    return None, path


def select_members(path: Path[Any], members: list[tuple[str, str]]) -> list[str]:
    """Return the ids of the members, pairs of an id and a name, that a path selects."""
    group = Group(
        members=[Member.model_construct(value=user_id, type="User", display=name) for user_id, name in members]
    )
    return [member.value for member in path.get(group) or []]
