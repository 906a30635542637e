"""`users.…`: changes of users, and their API keys."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback.access import credential_store
from fastback.access.events import UserChanged
from fastback.features.users import store
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class UserMethods:
    """Change users for plugins."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus

    def add_to(self, methods: HostMethods) -> None:
        methods.add("users.update", self.update_user)
        methods.add("users.update_settings", self.update_settings)
        methods.add("users.update_last_active", self.update_last_active)
        methods.add("users.find_api_key", self.find_api_key)
        methods.add("users.find_id_by_api_key", self.find_id_by_api_key)

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
