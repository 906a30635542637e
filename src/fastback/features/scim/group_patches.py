"""Patches of groups. Members are sets of ids: a group of thousands is never made a model of the library."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.scim.errors import InvalidValue, ScimError
from fastback.features.scim.group_members import read_member_ids
from fastback.features.scim.names import GROUP_SCHEMA
from fastback.features.scim.patch_operations import Operation

_PREFIX = f"{GROUP_SCHEMA.lower()}:"


class MemberChange(msgspec.Struct, frozen=True):
    """A change of the members of a group.

    Attributes:
        op: `add`, `replace` or `remove`.
        ids: the users; None: all.
        candidates_filter: the filter of the members that are meant, of the library; it needs their names.
    """

    op: str
    ids: list[str] | None = None
    candidates_filter: Any = None


class GroupPatch(msgspec.Struct):
    """What a patch changes; `has_external_id` tells a removed external id from an unchanged one."""

    display_name: str | None = None
    external_id: str | None = None
    has_external_id: bool = False
    member_changes: list[MemberChange] = []

    def list_named_ids(self) -> list[str] | None:
        """List the users whose membership the patch may change; None: any member's."""
        named_ids: list[str] = []
        for change in self.member_changes:
            if change.op == "replace" or change.ids is None:
                return None
            named_ids += change.ids
        return named_ids

    def choose_members(self, present_ids: set[str]) -> set[str]:
        """Return the members after the patch; filters have been replaced by ids before."""
        chosen_ids = set(present_ids)
        for change in self.member_changes:
            if change.op == "add":
                chosen_ids.update(change.ids or ())
            elif change.op == "replace":
                chosen_ids = set(change.ids or ())
            elif change.ids is None:
                chosen_ids = set()
            else:
                chosen_ids.difference_update(change.ids)
        return chosen_ids


def read_patch(operations: list[Operation]) -> GroupPatch:
    """Return the changes of all operations.

    Raises:
        ScimError: 400, an operation is invalid.
    """
    patch = GroupPatch()
    for operation in operations:
        path = operation.path
        name = path.lower().removeprefix(_PREFIX)
        if name == "displayname":
            patch.display_name = _read_display_name(operation)
        elif name == "externalid":
            patch.external_id, patch.has_external_id = _read_external_id(operation), True
        elif name == "members":
            patch.member_changes.append(_read_members(operation))
        elif name.startswith("members"):
            patch.member_changes.append(_read_selected_members(operation, path[-len(name) :]))
        elif name.partition(".")[0] in ("id", "meta", "schemas"):
            raise ScimError(400, f"'{path[:100]}' is read-only", "mutability")
        else:
            raise ScimError(400, f"Unsupported PATCH path: {path[:200]}", "invalidPath")
    return patch


def _read_display_name(operation: Operation) -> str:
    if operation.op == "remove":
        raise ScimError(400, f"Removing {operation.path} is not supported", "mutability")
    if not isinstance(operation.value, str) or not operation.value.strip():
        raise InvalidValue(f"{operation.path} must be a string")
    return operation.value


def _read_external_id(operation: Operation) -> str | None:
    if operation.op == "remove":
        return None
    if operation.value is not None and not isinstance(operation.value, str):
        raise InvalidValue("externalId must be a string or null")
    return operation.value or None


def _read_members(operation: Operation) -> MemberChange:
    if operation.op == "remove" and operation.value is None:
        return MemberChange("remove")
    if operation.op == "replace" and operation.value is None:
        return MemberChange("replace", [])
    is_single = operation.op == "remove" and isinstance(operation.value, dict)
    return MemberChange(operation.op, read_member_ids([operation.value] if is_single else operation.value))


def _read_selected_members(operation: Operation, path: str) -> MemberChange:
    """Return the change of an operation on members that a filter selects: only their removal changes anything."""
    from fastback.features.scim.standard.member_paths import read_member_path

    user_id, candidates_filter = read_member_path(path)
    if operation.op != "remove":
        raise ScimError(400, "The attributes of a member are immutable", "mutability")
    return MemberChange("remove", None if user_id is None else [user_id], candidates_filter)
