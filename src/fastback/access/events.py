"""Events about identities and access; caches and sockets listen to them."""

from __future__ import annotations

import msgspec


class UserChanged(msgspec.Struct, frozen=True):
    """The user's row changed: name, role, picture, settings."""

    user_id: str


class UserDeleted(msgspec.Struct, frozen=True):
    """The user and their own records were deleted."""

    user_id: str


class SessionsRevoked(msgspec.Struct, frozen=True):
    """Every session of the user ended: the password or the role changed, or an administrator revoked them."""

    user_id: str


class AllSessionsRevoked(msgspec.Struct, frozen=True):
    """Every session of every user ended: the policy on second factors changed."""


class TokenRevoked(msgspec.Struct, frozen=True):
    """One session ended: a sign-out."""

    user_id: str
    jti: str
    #: When the token would have expired (Unix time).
    expires_at: int
    #: The OAuth provider that the session began with, if any.
    provider: str | None = None


class GroupsChanged(msgspec.Struct, frozen=True):
    """Groups, their members or permissions changed; `user_ids` are the users affected, empty: maybe all."""

    user_ids: tuple[str, ...] = ()


class GrantsChanged(msgspec.Struct, frozen=True):
    """The grants of a resource were replaced."""

    resource_type: str
    resource_id: str
