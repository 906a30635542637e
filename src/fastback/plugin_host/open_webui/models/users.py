"""Users."""

from __future__ import annotations

import datetime
import time
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import dump_form
from fastback.plugin_host.record_tables import escape_pattern
from fastback.plugin_host.sql_records import find_record_class
from fastback.plugin_host.user_records.forms import ApiKeyModel as ApiKeyModel
from fastback.plugin_host.user_records.forms import UpdateProfileForm as UpdateProfileForm
from fastback.plugin_host.user_records.forms import UserGroupIdsListResponse as UserGroupIdsListResponse
from fastback.plugin_host.user_records.forms import UserGroupIdsModel as UserGroupIdsModel
from fastback.plugin_host.user_records.forms import UserIdNameListResponse as UserIdNameListResponse
from fastback.plugin_host.user_records.forms import UserIdNameResponse as UserIdNameResponse
from fastback.plugin_host.user_records.forms import UserIdNameStatusResponse as UserIdNameStatusResponse
from fastback.plugin_host.user_records.forms import UserInfoListResponse as UserInfoListResponse
from fastback.plugin_host.user_records.forms import UserInfoResponse as UserInfoResponse
from fastback.plugin_host.user_records.forms import UserListResponse as UserListResponse
from fastback.plugin_host.user_records.forms import UserModel as UserModel
from fastback.plugin_host.user_records.forms import UserModelResponse as UserModelResponse
from fastback.plugin_host.user_records.forms import UserNameResponse as UserNameResponse
from fastback.plugin_host.user_records.forms import UserProfileImageResponse as UserProfileImageResponse
from fastback.plugin_host.user_records.forms import UserResponse as UserResponse
from fastback.plugin_host.user_records.forms import UserRoleUpdateForm as UserRoleUpdateForm
from fastback.plugin_host.user_records.forms import UserSettings as UserSettings
from fastback.plugin_host.user_records.forms import UserStatus as UserStatus
from fastback.plugin_host.user_records.forms import UserStatusModel as UserStatusModel
from fastback.plugin_host.user_records.forms import UserUpdateForm as UserUpdateForm
from fastback.plugin_host.user_records.identities import UserIdentities
from fastback.plugin_host.user_records.lists import UserLists

#: Seconds after their last request in which users count as active.
_ACTIVE_SECONDS = 180


class UsersTable(UserLists, UserIdentities):
    @awaited_or_not
    async def get_user_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_user_by_email(self, email: str, db: Any = None) -> Any:
        return await self._find(**{"email~": escape_pattern(email)}) if email else None

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
    async def delete_user_by_id(self, id: str, db: Any = None) -> Any:
        return await self._run(None, "DELETE", f"/api/v1/users/{id}") is not None


def _add_activity(user: UserModel) -> UserStatusModel:
    return UserStatusModel(**user.model_dump(), is_active=UsersTable.is_active(user))


Users = UsersTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"User": "user", "ApiKey": "api_key"})
