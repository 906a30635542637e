"""Sign-in. Passwords and credentials are not readable for plugins."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.users import Users
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class Token(Record):
    token: str
    token_type: str


class ApiKey(Record):
    api_key: str | None = None


class SigninResponse(Token):
    id: str
    name: str
    role: str
    email: str
    profile_image_url: str


class SigninForm(Record):
    email: str
    password: str


class SignupForm(Record):
    name: str
    email: str
    password: str
    profile_image_url: str | None = "/user.png"


class AddUserForm(SignupForm):
    role: str | None = "pending"


class AuthsTable(RecordTable):
    table = "user"

    @awaited_or_not
    async def authenticate_user_by_api_key(self, api_key: str, db: Any = None) -> Any:
        return await Users.get_user_by_api_key(api_key)

    @awaited_or_not
    async def authenticate_user_by_email(self, email: str, db: Any = None) -> Any:
        return await Users.get_user_by_email(email)

    @awaited_or_not
    async def insert_new_auth(
        self,
        email: str,
        password: str,
        name: str,
        profile_image_url: str = "/user.png",
        role: str = "pending",
        **more: Any,
    ) -> Any:
        """Create an account, as an administrator does."""
        content = {"email": email, "password": password, "name": name, "role": role}
        created = await self._run(None, "POST", "/api/v1/auths/add", content=content)
        return await Users.get_user_by_id(created["id"]) if created else None


Auths = AuthsTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Auth": "auth"})
