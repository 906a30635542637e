"""Who may take part in private chats, and how much they may send."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import CHANNELS_ENABLE, CHANNELS_ENCRYPTION_ENABLE
from fastback.features.channels import store as channel_store
from fastback.features.channels.members import store as member_store
from fastback.features.channels.members.store import Account
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.realtime.private_chats.packets import MAX_PACKET, require

#: By whether a message begins taking part: seconds, and the messages of one user within them.
_RATES = {True: (60, 10), False: (1, 100)}
#: Characters of a user's messages within these seconds.
_MAX_CHARACTERS = 4 * MAX_PACKET


class PrivateChatRules:
    """Check users, channels and rates."""

    def __init__(self, *, db: Database, config: Config, permissions: Permissions, cluster: Cluster) -> None:
        self._db = db
        self._config = config
        self._permissions = permissions
        self._cluster = cluster

    async def require_member(self, channel_id: str, user_id: str) -> None:
        """Check that a channel is direct or a private group, and that a user is an active member.

        Raises:
            Refused: it is not, or there is no such channel.
        """
        channel = await channel_store.find_channel(self._db, channel_id)
        require(channel is not None and (channel.type == "dm" or (channel.type == "group" and channel.is_private)))
        require(await member_store.is_active_member(self._db, channel_id, user_id))

    async def list_active_members(self, channel_id: str) -> set[str]:
        """Return the users who are active members of a channel."""
        return set(await member_store.list_active_user_ids(self._db, channel_id))

    async def find_eligible(self, user_ids: Iterable[str]) -> dict[str, Account]:
        """Return the users who may take part in private chats, by id."""
        if not self._config.get_bool(CHANNELS_ENABLE) or not self._config.get_bool(CHANNELS_ENCRYPTION_ENABLE):
            return {}
        accounts = await member_store.list_accounts(self._db, list(set(user_ids)))
        return {account.id: account for account in accounts if await self._may_take_part(account)}

    async def _may_take_part(self, account: Account) -> bool:
        if account.role != "user":
            return account.role == "admin"
        names = ("features.channels", "features.encrypted_channels")
        return all([await self._permissions.has(account.id, name) for name in names])

    async def require_rate(self, user_id: str, *, begins: bool, size: int) -> None:
        """Count a message of a user, in all of the user's pages.

        Raises:
            Refused: the user sends too much.
        """
        seconds, limit = _RATES[begins]
        name = f"private-chat-rate:{user_id}:{'begin' if begins else 'send'}:{int(time.time() / seconds)}"
        require(await self._cluster.increment(name, expires_in=seconds) <= limit)
        require(await self._cluster.increment(f"{name}:size", size, expires_in=seconds) <= _MAX_CHARACTERS)
