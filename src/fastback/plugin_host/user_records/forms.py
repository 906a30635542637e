"""Users as models, entries of lists of them, and forms."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import Field, field_validator, model_validator

from fastback.plugin_host.record_models import OpenRecord, Record


class UserSettings(OpenRecord):
    ui: dict[str, Any] | None = {}


class UserModel(Record):
    id: str
    email: str
    username: str | None = None
    role: str = "pending"
    name: str
    profile_image_url: str | None = None
    profile_banner_image_url: str | None = None
    bio: str | None = None
    gender: str | None = None
    date_of_birth: datetime.date | None = None
    timezone: str | None = None
    presence_state: str | None = None
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None
    info: dict[str, Any] | None = None
    variables: dict[str, Any] = Field(default_factory=dict)
    settings: UserSettings | None = None
    oauth: dict[str, Any] | None = None
    scim: dict[str, Any] | None = None
    last_active_at: int
    updated_at: int
    created_at: int

    @field_validator("variables", mode="before")
    @classmethod
    def _accept_missing_variables(cls, value: Any) -> Any:
        return value or {}

    @model_validator(mode="after")
    def _set_picture(self) -> UserModel:
        if not self.profile_image_url:
            self.profile_image_url = f"/api/v1/users/{self.id}/profile/image"
        return self


class UserStatusModel(UserModel):
    is_active: bool = False


class UserModelResponse(UserModel):
    model_config = {"extra": "allow", "from_attributes": True}


class UserGroupIdsModel(UserModel):
    group_ids: list[str] = []


class UserNameResponse(Record):
    id: str
    name: str
    role: str


class UserResponse(UserNameResponse):
    email: str


class UserProfileImageResponse(UserNameResponse):
    email: str
    profile_image_url: str


class UserStatus(Record):
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None


class UserIdNameResponse(Record):
    id: str
    name: str


class UserInfoResponse(UserStatus):
    id: str
    name: str
    email: str
    role: str
    bio: str | None = None
    last_active_at: int | None = None
    timezone: str | None = None
    groups: list[Any] | None = []
    is_active: bool = False


class UserUpdateForm(Record):
    role: str | None = None
    name: str | None = None
    email: str | None = None
    profile_image_url: str | None = None
    password: str | None = None


class UserRoleUpdateForm(Record):
    id: str
    role: str


class UserListResponse(Record):
    users: list[UserModelResponse]
    total: int


class UserInfoListResponse(Record):
    users: list[UserInfoResponse]
    total: int


class UserIdNameListResponse(Record):
    users: list[UserIdNameResponse]
    total: int


class UserIdNameStatusResponse(UserStatus):
    id: str
    name: str
    is_active: bool | None = None


class UserGroupIdsListResponse(Record):
    users: list[UserGroupIdsModel]
    total: int


class ApiKeyModel(Record):
    id: str
    user_id: str
    key: str
    data: dict[str, Any] | None = None
    expires_at: int | None = None
    last_used_at: int | None = None
    created_at: int
    updated_at: int


class UpdateProfileForm(Record):
    profile_image_url: str
    name: str
    bio: str | None = None
    gender: str | None = None
    date_of_birth: datetime.date | None = None
