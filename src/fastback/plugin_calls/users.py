"""`users.…`: changes of users, their API keys, and how providers know them."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access import credential_store
from fastback.access.events import UserChanged
from fastback.features.users import oauth_store, store
from fastback.kit.bus import Bus
from fastback.kit.db import Database, IntegrityError
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_calls import row_store
from fastback.plugin_calls.row_changes import encode_values
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class UserMethods:
    """Change users for plugins."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus

    def add_to(self, methods: HostMethods) -> None:
        methods.add("users.insert", self.insert_user)
        methods.add("users.update", self.update_user)
        methods.add("users.update_settings", self.update_settings)
        methods.add("users.update_last_active", self.update_last_active)
        methods.add("users.find_api_key", self.find_api_key)
        methods.add("users.find_id_by_api_key", self.find_id_by_api_key)
        methods.add("users.set_api_key", self.set_api_key)
        methods.add("users.find_id_by_subject", self.find_id_by_subject)
        methods.add("users.set_subject", self.set_subject)

    async def insert_user(self, user_id: str, picture: str, **columns: Any) -> None:
        """Insert a user without a password.

        Raises:
            RemoteFailure: of the kind `invalid`: the id or the address is taken.
        """
        now = int(time.time())
        stamps = {"last_active_at": now, "updated_at": now, "created_at": now}
        values = {"id": user_id, "profile_image_url": picture, **columns, **stamps}
        try:
            await row_store.insert_row(self._db, "user", values=encode_values("user", values))
        except IntegrityError as error:
            raise RemoteFailure("invalid", str(error)) from None
        await self._bus.publish(UserChanged(user_id))

    async def update_user(self, user_id: str, fields: Json) -> None:
        """Replace columns of a user; the caches of identities and models follow.

        Raises:
            RemoteFailure: of the kind `invalid`: one is not a column that may change.
        """
        try:
            await store.update_user(self._db, user_id, **fields)
        except ValueError as error:
            raise RemoteFailure("invalid", str(error)) from None
        await self._bus.publish(UserChanged(user_id))

    async def update_settings(self, user_id: str, fields: Json) -> None:
        """Merge fields into the settings of a user."""
        async with self._db.transaction() as tx:
            column = await store.find_json_column(tx, user_id, "settings", lock=True)
            stored = msgspec.json.decode(column) if column is not None else None
            settings = {**(stored if isinstance(stored, dict) else {}), **fields}
            await store.update_user(tx, user_id, settings=settings)
        await self._bus.publish(UserChanged(user_id))

    async def update_last_active(self, user_id: str) -> None:
        """Note that a user is active now."""
        await credential_store.save_last_active(self._db, {user_id: int(time.time())})

    async def find_api_key(self, user_id: str) -> str | None:
        return await credential_store.find_api_key(self._db, user_id)

    async def find_id_by_api_key(self, api_key: str) -> str | None:
        account = await credential_store.find_account_by_api_key(self._db, api_key)
        return account.id if account is not None else None

    async def set_api_key(self, user_id: str, api_key: str | None) -> bool:
        """Replace the API key of a user; None deletes it."""
        await credential_store.set_api_key(self._db, user_id, api_key)
        await self._bus.publish(UserChanged(user_id))
        return True

    async def find_id_by_subject(self, provider: str, subject: str) -> str | None:
        """Return the id of the user that a provider of sign-ins knows by a subject, or None."""
        if provider not in oauth_store.PROVIDERS:
            return None
        return await oauth_store.find_id_by_subject(self._db, provider, subject)

    async def set_subject(self, user_id: str, provider: str, subject: str) -> None:
        """Store the subject of a user at a provider."""
        async with self._db.transaction() as tx:
            await oauth_store.set_subject(tx, user_id, provider, subject)
        await self._bus.publish(UserChanged(user_id))
