"""Patches of users: the operations of a request, applied by the library to the resource as a client sees it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from pydantic import ValidationError
from scim2_models import (
    InvalidPathException,
    MutabilityException,
    PatchOp,
    PatchOperation,
    SCIMException,
    ScimPolicy,
)

from fastback.features.scim.errors import InvalidValue, ScimError
from fastback.features.scim.patch_operations import Operation
from fastback.features.scim.standard.requests import convert_validation_error
from fastback.features.scim.standard.resources import User
from fastback.features.scim.standard.users import read_profile
from fastback.features.scim.user_profile import UserProfile, has_default_photo

#: Microsoft Entra names what to remove by a value, and expects a new address where a filter finds none.
_POLICY = ScimPolicy(
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
_PHOTOS = re.compile(r"(?:urn:.*:)?photos\b", re.IGNORECASE)
#: The messages of patches: making one takes some milliseconds.
_PATCH: Any = PatchOp[User]
_OPERATION: Any = PatchOperation[User]
#: Attributes of which only a text is a value.
_TEXTS = frozenset({"username", "displayname", "name.formatted", "emails[primary eq true].value"})


def patch_user(content: dict[str, Any], before: UserProfile, operations: list[Operation]) -> UserProfile:
    """Return the profile of a user after a patch; `content` is the user as the client sees it.

    A default picture is no value that another one is added to.

    Raises:
        ScimError: 400, an operation is invalid; none is applied.
    """
    if has_default_photo(before):
        content = {**content, "photos": None}
    user = User.model_validate(content)
    for operation in operations:
        _apply_operation(user, operation)
    after = read_profile(user)
    if any(_PHOTOS.match(operation.path) for operation in operations):
        return after
    return msgspec.structs.replace(after, photo=before.photo)


def _apply_operation(user: User, operation: Operation) -> None:
    path, value = operation.path, _read_value(operation)
    arguments = {"op": operation.op, "path": path} | (
        {} if operation.op == "remove" and value is None else {"value": value}
    )
    try:
        patch = _PATCH(Operations=[_OPERATION(**arguments)])
        patch.patch(user, scim_policy=_POLICY)
    except ValidationError as error:
        raise _convert_refusal(operation, convert_validation_error(error)) from None
    except SCIMException as error:
        raise _convert_exception(operation, error) from None
    except RecursionError:
        raise InvalidValue(f"The value of {path[:100]} is nested too deeply") from None


def _read_value(operation: Operation) -> Any:
    """Return the value of an operation, with the types that clients mean.

    Raises:
        ScimError: 400, the value has another type.
    """
    name, value = operation.path.lower(), operation.value
    if operation.op == "remove":
        return value
    if name == "active":
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"  # Microsoft Entra
        if not isinstance(value, bool):
            raise InvalidValue("active must be a boolean")
    elif name in _TEXTS and not isinstance(value, str):
        raise InvalidValue(f"{operation.path} must be a string")
    elif name == "externalid" and value is not None and not isinstance(value, str):
        raise InvalidValue("externalId must be a string or null")
    return value


def _convert_exception(operation: Operation, error: SCIMException) -> ScimError:
    path = operation.path[:200]
    if isinstance(error, InvalidPathException):
        return ScimError(400, f"Unsupported PATCH path: {path}", "invalidPath")
    if isinstance(error, MutabilityException) and operation.op == "remove":
        return ScimError(400, f"Removing {path} is not supported", "mutability")
    if isinstance(error.__cause__, ValidationError):
        return InvalidValue(f"The value of {path} does not fit the attribute")
    return ScimError(error.status, str(error), error.scim_type)


def _convert_refusal(operation: Operation, refusal: ScimError) -> ScimError:
    path = operation.path[:200]
    if refusal.scim_type == "invalidPath":
        return ScimError(400, f"Unsupported PATCH path: {path}", "invalidPath")
    if refusal.scim_type == "mutability" and operation.op == "remove":
        return ScimError(400, f"Removing {path} is not supported", "mutability")
    return refusal
