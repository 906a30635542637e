"""Values that plugins are set with: an administrator's for everybody, and each user's own, in the user's settings.

With `ENABLE_VALVE_ENCRYPTION` they are kept as a Fernet token of their JSON, under a key made of the secret key.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import UserChanged
from fastback.features.plugins.loading import Kind, Plugins, ValvesClass, ValvesMismatch
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Executor
from fastback.kit.http import BadRequest, Unauthorized
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

Values = dict[str, Any]


class Valves:
    """Reads and writes values, sealed where the settings say so."""

    def __init__(self, db: Database, settings: Settings, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self._secret = settings.webui_secret_key
        self._sealing = settings.enable_valve_encryption

    def _fernet(self) -> Any:
        from cryptography.fernet import Fernet  # slow to import, and needed where values are sealed alone

        key = self._secret.encode()
        if len(self._secret) != 44:
            key = base64.urlsafe_b64encode(hashlib.sha256(key).digest())
        return Fernet(key)

    def sealed(self, values: Values | None) -> Values | str | None:
        """Values as they are kept."""
        if not self._sealing:
            return values
        token: bytes = self._fernet().encrypt(msgspec.json.encode(values))
        return token.decode()

    def opened(self, kept: Any) -> Values:
        """Values out of what is kept; none where that cannot be read."""
        if isinstance(kept, str) and kept:
            try:
                kept = msgspec.json.decode(self._fernet().decrypt(kept.encode()))
            except Exception as error:  # another secret key, or no token at all
                log.warning("valves cannot be read: %s", type(error).__name__)
                return {}
        return kept if isinstance(kept, dict) else {}

    # -- for everybody --------------------------------------------------------------------------------------------

    async def of(self, table: Kind, plugin_id: str) -> Values:
        """The values that a plugin is set with."""
        kept = await self._db.fetch_value(f"{table}.valves", f"SELECT valves FROM {table} WHERE id = :id", id=plugin_id)
        return self.read(kept)

    def read(self, column: str | None) -> Values:
        """Values out of a `valves` column."""
        return self.opened(msgspec.json.decode(column)) if column else {}

    def written(self, values: Values | None) -> str:
        """What a `valves` column keeps."""
        return msgspec.json.encode(self.sealed(values)).decode()

    async def store(self, db: Executor, table: Kind, plugin_id: str, values: Values, now: int) -> None:
        await db.execute(
            f"{table}.store_valves",
            f"UPDATE {table} SET valves = :valves, updated_at = :now WHERE id = :id",
            id=plugin_id,
            valves=self.written(values),
            now=now,
        )

    # -- each user's own ------------------------------------------------------------------------------------------

    async def of_user(self, table: Kind, plugin_id: str, user_id: str) -> Values:
        kept = _settings(await users.find_json_column(self._db, user_id, "settings"))
        return self.opened(_below(kept, f"{table}s", "valves").get(plugin_id))

    async def store_of_user(self, table: Kind, plugin_id: str, user_id: str, values: Values) -> None:
        async with self._db.transaction() as tx:
            kept = _settings(await users.find_json_column(tx, user_id, "settings"))
            place = f"{table}s"
            own = {**_below(kept, place, "valves"), plugin_id: self.sealed(values)}
            await users.update_user(tx, user_id, settings={**kept, place: {**_below(kept, place), "valves": own}})
        await self._bus.publish(UserChanged(user_id))


def _settings(column: msgspec.Raw | None) -> Values:
    found = msgspec.json.decode(column) if column is not None else None
    return found if isinstance(found, dict) else {}


def _below(tree: Values, *names: str) -> Values:
    """The object at a path, an empty one where there is none."""
    for name in names:
        below = tree.get(name)
        tree = below if isinstance(below, dict) else {}
    return tree


async def filled(
    plugins: Plugins, kind: Kind, plugin_id: str, content: str, name: ValvesClass, values: Values, what: str
) -> Values:
    """The values as a plugin takes them; `what` is the word for them.

    Raises:
        Unauthorized: it takes none; BadRequest: it does not take these; PluginFailed: it does not load.
    """
    try:
        found = await plugins.filled(kind, plugin_id, content, name, values)
    except ValvesMismatch:
        raise BadRequest(messages.default(f"Error updating {what}")) from None
    if found is None:
        raise Unauthorized(messages.NOT_FOUND)
    return found
