"""The users with an open page, in any process."""

from __future__ import annotations

from fastback.kit.cluster import Cluster

_TABLE = "connected-users"
#: Seconds after which a user whose page sends no heartbeats counts as gone; pages send one every 30 seconds.
_EXPIRY_SECONDS = 120.0


class ClusterUsers:
    """Implements `ConnectedUsers` (see `features.channels.notifications`): an entry for each user and process."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def _build_key(self, user_id: str) -> str:
        return f"{self._cluster.node_id} {user_id}"

    async def add(self, user_id: str) -> None:
        """Note that a user has an open page in this process."""
        await self._cluster.put_entry(_TABLE, self._build_key(user_id), b"", expires_in=_EXPIRY_SECONDS)

    async def remove(self, user_id: str) -> None:
        """Note that a user has no open page in this process any more."""
        await self._cluster.delete_entry(_TABLE, self._build_key(user_id))

    async def list_user_ids(self) -> set[str]:
        """Return the ids of the users with an open page."""
        return {key.partition(" ")[2] for key in await self._cluster.list_entries(_TABLE)}
