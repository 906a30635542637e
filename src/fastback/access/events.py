"""What happens to identities and to who may see what; caches and sockets listen."""

from __future__ import annotations

import msgspec


class UserChanged(msgspec.Struct, frozen=True):
    """The user's row changed: name, role, picture, settings."""

    user_id: str


class UserDeleted(msgspec.Struct, frozen=True):
    user_id: str


class SessionsRevoked(msgspec.Struct, frozen=True):
    """Every session of the user ended: a new password, a new role, an administrator's decision."""

    user_id: str


class TokenRevoked(msgspec.Struct, frozen=True):
    """One session ended: a sign-out."""

    user_id: str
    jti: str
    #: When the token would have expired (Unix time).
    expires_at: int


class GroupsChanged(msgspec.Struct, frozen=True):
    """Groups, their members or permissions changed; `user_ids` names whose, or nobody knows: everybody's."""

    user_ids: tuple[str, ...] = ()


class GrantsChanged(msgspec.Struct, frozen=True):
    """Who may see or change a resource was set anew."""

    resource_type: str
    resource_id: str
