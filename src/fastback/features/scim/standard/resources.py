"""The resources as the standard describes them: attributes, and who may set, see and search them.

They are the source of `/Schemas`. An attribute that cannot be removed is `required`, also where a creation may omit it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from scim2_models import URN, CaseExact, External, Mutability, Reference, Required, Returned, Uniqueness
from scim2_models import ComplexAttribute as Complex
from scim2_models import Resource as BaseResource

from fastback.features.scim.names import GROUP_SCHEMA, USER_SCHEMA


class Name(Complex):
    """The components of a name."""

    formatted: str | None = None
    """The full name, for display."""
    family_name: str | None = None
    """The family name."""
    given_name: str | None = None
    """The given name."""
    middle_name: str | None = None
    """The middle name."""
    honorific_prefix: str | None = None
    """The title before the name."""
    honorific_suffix: str | None = None
    """The suffix after the name."""


class Email(Complex):
    """An email address."""

    value: Annotated[str | None, Required.true] = None
    """The address."""
    type: str | None = Field(None, examples=["work", "home", "other"])
    """The function of the address."""
    primary: bool | None = None
    """Whether it is the address of the account."""
    display: str | None = None
    """A text that describes the address."""


class Photo(Complex):
    """A picture."""

    value: Annotated[Reference[External] | None, Required.true] = None
    """The address of the picture."""
    type: str | None = Field(None, examples=["photo", "thumbnail"])
    """The function of the picture."""
    primary: bool | None = None
    """Whether it is the picture of the account."""
    display: str | None = None
    """A text that describes the picture."""


class GroupMembership(Complex):
    """A group of which a user is a direct member."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the group."""
    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(  # noqa: UP037 (defined below)
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the group."""
    display: Annotated[str | None, Mutability.read_only] = None
    """The name of the group."""
    type: Annotated[str | None, Mutability.read_only] = Field(None, examples=["direct"])
    """The kind of membership."""


class User(BaseResource[Any]):
    """A user."""

    __schema__ = URN(USER_SCHEMA)

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """The name by which the identity provider knows the user, usually the email address."""
    name: Name | None = None
    """The components of the user's name."""
    display_name: Annotated[str | None, Required.true] = None
    """The name that other users see."""
    emails: Annotated[list[Email] | None, Required.true] = None
    """Email addresses; the primary one is that of the account."""
    active: Annotated[bool | None, Required.true] = None
    """Whether the user may use the service."""
    photos: list[Photo] | None = None
    """The picture of the user."""
    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None
    """The groups of which the user is a direct member."""


class Member(Complex):
    """A direct member of a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of the user."""
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(  # noqa: UP037 (a name, not a class)
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the user."""
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """The type of the member."""
    display: Annotated[str | None, Mutability.read_only, Returned.request] = None
    """The name of the user."""


class Group(BaseResource[Any]):
    """A group of users."""

    __schema__ = URN(GROUP_SCHEMA)

    display_name: Annotated[str | None, Required.true] = None
    """The name of the group."""
    members: list[Member] | None = None
    """The direct members of the group."""
