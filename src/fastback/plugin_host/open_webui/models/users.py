"""Users."""

from __future__ import annotations

import datetime
import time
from typing import Any

from pydantic import Field, field_validator, model_validator

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import OpenRecord, Record, dump_form
from fastback.plugin_host.record_tables import RecordTable, escape_pattern
from fastback.plugin_host.sql_records import find_record_class

#: Seconds after their last request in which users count as active.
_ACTIVE_SECONDS = 180


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


class UsersTable(RecordTable):
    table = "user"
    model = UserModel

    @awaited_or_not
    async def get_user_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_user_by_email(self, email: str, db: Any = None) -> Any:
        return await self._find(**{"email~": escape_pattern(email)}) if email else None

    @awaited_or_not
    async def get_user_by_api_key(self, api_key: str, db: Any = None) -> Any:
        user_id = await self._call("users.find_id_by_api_key", api_key=api_key)
        return await self._find(id=user_id)

    @awaited_or_not
    async def get_users(
        self,
        filter: dict[str, Any] | None = None,
        sort: dict[str, Any] | None = None,
        skip: int | None = None,
        limit: int | None = None,
        db: Any = None,
    ) -> Any:
        """Return `{"users", "total"}`, the newest first."""
        users = await self._list(order="-created_at", skip=skip, limit=limit)
        return {"users": users, "total": await self._count()}

    @awaited_or_not
    async def get_users_by_user_ids(self, user_ids: list[str], db: Any = None) -> Any:
        return [_add_activity(user) for user in await self._list(id=list(user_ids))]

    @awaited_or_not
    async def get_users_by_group_id(self, group_id: str, db: Any = None) -> Any:
        members = await self._list_rows("group_member", {"group_id": group_id})
        return await self._list(id=[member["user_id"] for member in members])

    @awaited_or_not
    async def get_valid_user_ids(self, user_ids: list[str], db: Any = None) -> Any:
        return [user.id for user in await self._list(id=list(user_ids))]

    @awaited_or_not
    async def get_num_users(self, db: Any = None) -> Any:
        return await self._count()

    @awaited_or_not
    async def has_users(self, db: Any = None) -> Any:
        return await self._count() > 0

    @awaited_or_not
    async def get_first_user(self, db: Any = None) -> Any:
        users = await self._list(order="created_at role id", limit=1)
        return users[0] if users else None

    @awaited_or_not
    async def get_super_admin_user(self, db: Any = None) -> Any:
        users = await self._list(order="created_at id", limit=1, role="admin")
        return users[0] if users else None

    @awaited_or_not
    async def get_active_user_count(self, db: Any = None) -> Any:
        return await self._count(**{"last_active_at>": int(time.time()) - _ACTIVE_SECONDS - 1})

    @awaited_or_not
    async def get_num_users_active_today(self, db: Any = None) -> Any:
        midnight = datetime.datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return await self._count(**{"last_active_at>": int(midnight.timestamp())})

    @staticmethod
    def is_active(user: UserModel) -> bool:
        return user.last_active_at >= int(time.time()) - _ACTIVE_SECONDS

    @awaited_or_not
    async def is_user_active(self, user_id: str, db: Any = None) -> Any:
        user = await self._find(id=user_id)
        return user is not None and self.is_active(user)

    @awaited_or_not
    async def update_user_by_id(self, id: str, updated: dict[str, Any], db: Any = None) -> Any:
        await self._call("users.update", user_id=id, fields=updated)
        return await self._find(id=id)

    @awaited_or_not
    async def update_user_role_by_id(self, id: str, role: str, db: Any = None) -> Any:
        await self._call("users.update", user_id=id, fields={"role": role})
        return await self._find(id=id)

    @awaited_or_not
    async def update_user_status_by_id(self, id: str, form_data: Any, db: Any = None) -> Any:
        await self._call("users.update", user_id=id, fields=dump_form(form_data, exclude_none=True))
        return await self._find(id=id)

    @awaited_or_not
    async def update_user_profile_image_url_by_id(self, id: str, profile_image_url: str, db: Any = None) -> Any:
        await self._call("users.update", user_id=id, fields={"profile_image_url": profile_image_url})
        return await self._find(id=id)

    @awaited_or_not
    async def update_user_settings_by_id(self, id: str, updated: dict[str, Any], db: Any = None) -> Any:
        """Merge fields into the user's settings."""
        await self._call("users.update_settings", user_id=id, fields=updated)
        return await self._find(id=id)

    @awaited_or_not
    async def update_last_active_by_id(self, id: str, db: Any = None) -> Any:
        await self._call("users.update_last_active", user_id=id)

    @awaited_or_not
    async def get_user_api_key_by_id(self, id: str, db: Any = None) -> Any:
        return await self._call("users.find_api_key", user_id=id)

    @awaited_or_not
    async def delete_user_by_id(self, id: str, db: Any = None) -> Any:
        return await self._run(None, "DELETE", f"/api/v1/users/{id}") is not None


def _add_activity(user: UserModel) -> UserStatusModel:
    return UserStatusModel(**user.model_dump(), is_active=UsersTable.is_active(user))


Users = UsersTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"User": "user", "ApiKey": "api_key"})
