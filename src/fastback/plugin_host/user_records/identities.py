"""How users are known elsewhere: at providers, in directories, by API keys."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_tables import RecordTable


class UserIdentities(RecordTable):
    """Methods for the identities of users."""

    @awaited_or_not
    async def insert_new_user(
        self,
        id: str,
        name: str,
        email: str,
        profile_image_url: str = "/user.png",
        role: str = "pending",
        username: str | None = None,
        oauth: dict[str, Any] | None = None,
        db: Any = None,
    ) -> Any:
        """Add a user without a password; `Auths.insert_new_auth` creates one who can sign in."""
        fields = {"name": name, "email": email, "role": role, "picture": profile_image_url, "username": username}
        await self._call("users.insert", user_id=id, oauth=oauth, **fields)
        return await self._find(id=id)

    @awaited_or_not
    async def get_user_by_api_key(self, api_key: str, db: Any = None) -> Any:
        user_id = await self._call("users.find_id_by_api_key", api_key=api_key)
        return await self._find(id=user_id)

    @awaited_or_not
    async def get_user_api_key_by_id(self, id: str, db: Any = None) -> Any:
        return await self._call("users.find_api_key", user_id=id)

    @awaited_or_not
    async def update_user_api_key_by_id(self, id: str, api_key: str, db: Any = None) -> Any:
        return await self._call("users.set_api_key", user_id=id, api_key=api_key) is not None

    @awaited_or_not
    async def delete_user_api_key_by_id(self, id: str, db: Any = None) -> Any:
        return await self._call("users.set_api_key", user_id=id, api_key=None) is not None

    @awaited_or_not
    async def get_user_by_oauth_sub(self, provider: str, sub: str, db: Any = None) -> Any:
        """Return the user that a provider knows by a subject."""
        user_id = await self._call("users.find_id_by_subject", provider=provider, subject=str(sub))
        return await self._find(id=user_id)

    @awaited_or_not
    async def update_user_oauth_by_id(self, id: str, provider: str, sub: str, db: Any = None) -> Any:
        await self._call("users.set_subject", user_id=id, provider=provider, subject=str(sub))
        return await self._find(id=id)

    @awaited_or_not
    async def get_user_by_scim_external_id(self, provider: str, external_id: str, db: Any = None) -> Any:
        """Return the user that a directory knows by an id."""
        for user in await self._list():
            entry = (user.scim or {}).get(provider)
            if isinstance(entry, dict) and entry.get("external_id") == external_id:
                return user
        return None

    @awaited_or_not
    async def update_user_scim_by_id(self, id: str, provider: str, external_id: str | None, db: Any = None) -> Any:
        user = await self._find(id=id)
        if user is None:
            return None
        scim = {**(user.scim or {}), provider: {"external_id": external_id}}
        if scim != user.scim:
            await self._call("users.update", user_id=id, fields={"scim": scim})
        return await self._find(id=id)
