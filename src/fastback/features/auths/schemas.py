"""Request and response bodies of `/api/v1/auths`."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec


class SignIn(msgspec.Struct):
    email: str
    password: str


class SignUp(msgspec.Struct):
    name: str
    email: str
    password: str
    profile_image_url: str | None = "/user.png"


class AddUser(msgspec.Struct):
    name: str
    email: str
    password: str
    profile_image_url: str | None = "/user.png"
    role: str | None = "pending"


class UpdateProfile(msgspec.Struct):
    profile_image_url: str
    name: str
    bio: str | None = None
    gender: str | None = None
    date_of_birth: datetime.date | None = None


class UpdateTimezone(msgspec.Struct):
    timezone: str


class UpdatePassword(msgspec.Struct):
    password: str
    new_password: str


class SessionInfo(msgspec.Struct):
    """The response with the current session."""

    status_emoji: str | None
    status_message: str | None
    status_expires_at: int | None
    id: str
    name: str
    role: str
    email: str
    profile_image_url: str
    token: str | None
    token_type: str
    expires_at: int | None
    permissions: dict[str, Any] | None
    bio: str | None
    gender: str | None
    date_of_birth: datetime.date | None


class ProfileImage(msgspec.Struct):
    """The response to a changed profile."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str


class AddedUser(msgspec.Struct, omit_defaults=True):
    """The response to a created account; without a token where sessions need a second factor."""

    id: str
    name: str
    role: str
    email: str
    profile_image_url: str | None
    token: str | None = None
    token_type: str | None = None


class ApiKey(msgspec.Struct):
    api_key: str | None = None
