"""Valves: the settings of plugins. A plugin has shared valves, and each user has valves of their own.

The shared valves are a column of the plugin's row; those of a user are part of the user's settings.

With `ENABLE_VALVE_ENCRYPTION` valves are stored as a Fernet token of their JSON, under a key derived from the secret
key.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import UserChanged
from fastback.features.plugins import valves_store
from fastback.features.plugins.loading import PluginInspector, PluginKind, ValvesClass, ValvesMismatch
from fastback.features.users import store as users
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Executor
from fastback.kit.http import BadRequest, Unauthorized
from fastback.kit.storable_text import encode_json
from fastback.settings import Settings

log = logging.getLogger("fastback.plugins")

Values = dict[str, Any]


class ValveStore:
    """Reads and writes valves, encrypted if the settings say so."""

    def __init__(self, db: Database, settings: Settings, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self._secret = settings.webui_secret_key
        self._is_encrypted = settings.enable_valve_encryption

    def _create_fernet(self) -> Any:
        from cryptography.fernet import Fernet  # imported here because it is slow, and only encrypted valves need it

        key = self._secret.encode()
        if len(self._secret) != 44:
            key = base64.urlsafe_b64encode(hashlib.sha256(key).digest())
        return Fernet(key)

    def encrypt(self, values: Values | None) -> Values | str | None:
        """Return valves in their stored form: a token, or unchanged without encryption."""
        if not self._is_encrypted:
            return values
        token: bytes = self._create_fernet().encrypt(msgspec.json.encode(values))
        return token.decode()

    def decrypt(self, stored: Any) -> Values:
        """Return the valves of a stored value; an empty dictionary if it cannot be read."""
        if isinstance(stored, str) and stored:
            try:
                stored = msgspec.json.decode(self._create_fernet().decrypt(stored.encode()))
            except Exception as error:  # the secret key changed, or the text is not a token
                log.warning("decryption of valves failed: %s", type(error).__name__)
                return {}
        return stored if isinstance(stored, dict) else {}

    # -- shared valves --------------------------------------------------------------------------------------------

    def decode_column(self, column: str | None) -> Values:
        """Return the valves in a `valves` column."""
        return self.decrypt(msgspec.json.decode(column)) if column else {}

    def encode_column(self, values: Values | None) -> str:
        """Return the text of a `valves` column."""
        return encode_json(self.encrypt(values))

    async def store_valves(self, db: Executor, kind: PluginKind, plugin_id: str, values: Values, now: int) -> None:
        """Write the valves of a plugin, and `now` as the time of its last update (seconds)."""
        await valves_store.set_valves(db, kind, plugin_id, self.encode_column(values), now)

    # -- valves of one user ---------------------------------------------------------------------------------------

    async def get_user_valves(self, kind: PluginKind, plugin_id: str, user_id: str) -> Values:
        settings = _decode_settings(await users.find_json_column(self._db, user_id, "settings"))
        return self.decrypt(_get_nested(settings, f"{kind}s", "valves").get(plugin_id))

    def select_user_valves(self, settings: Any) -> dict[str, dict[str, Values]]:
        """Return all valves in a user's settings: by kind of plugin (`function`, `tool`), then by its id."""
        tree = settings if isinstance(settings, dict) else {}
        return {
            kind: {
                plugin_id: self.decrypt(stored) for plugin_id, stored in _get_nested(tree, f"{kind}s", "valves").items()
            }
            for kind in ("function", "tool")
        }

    async def store_user_valves(self, kind: PluginKind, plugin_id: str, user_id: str, values: Values) -> None:
        """Write a user's own valves of a plugin into the user's settings."""
        async with self._db.transaction() as tx:
            settings = _decode_settings(await users.find_json_column(tx, user_id, "settings"))
            section = f"{kind}s"
            user_valves = {**_get_nested(settings, section, "valves"), plugin_id: self.encrypt(values)}
            await users.update_user(
                tx, user_id, settings={**settings, section: {**_get_nested(settings, section), "valves": user_valves}}
            )
        await self._bus.publish(UserChanged(user_id))


def _decode_settings(column: msgspec.Raw | None) -> Values:
    settings = msgspec.json.decode(column) if column is not None else None
    return settings if isinstance(settings, dict) else {}


def _get_nested(tree: Values, *names: str) -> Values:
    """Return the object at a path, an empty one if it is missing."""
    for name in names:
        child = tree.get(name)
        tree = child if isinstance(child, dict) else {}
    return tree


async def fill_valves(
    plugins: PluginInspector,
    kind: PluginKind,
    plugin_id: str,
    content: str,
    name: ValvesClass,
    values: Values,
    what: str,
) -> Values:
    """Return the values as a plugin's valves class accepts them; `what` names them in error messages.

    Raises:
        Unauthorized: the plugin has no such class.
        BadRequest: the class rejects the values.
        PluginError: the plugin does not load.
    """
    try:
        accepted = await plugins.fill_valves(kind, plugin_id, content, name, values)
    except ValvesMismatch:
        raise BadRequest(messages.wrap_reason(f"Error updating {what}")) from None
    if accepted is None:
        raise Unauthorized(messages.NOT_FOUND)
    return accepted
