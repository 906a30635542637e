"""The users with an open page, in any process."""

from __future__ import annotations

from fastback.kit.cluster.node_table import NodeTable


class ClusterUsers:
    """Implements `ConnectedUsers` (see `features.channels.notifications`).

    `table`: an entry for each user and process, where there may be several processes.
    """

    def __init__(self, node_id: str, table: NodeTable | None) -> None:
        self._node_id = node_id
        self.table = table
        self._own_ids: set[str] = set()

    def _build_key(self, user_id: str) -> str:
        return f"{self._node_id} {user_id}"

    async def add(self, user_id: str) -> None:
        """Note that a user has an open page in this process."""
        if user_id not in self._own_ids:
            self._own_ids.add(user_id)
            if self.table is not None:
                await self.table.put(self._build_key(user_id), user_id)

    async def remove(self, user_id: str) -> None:
        """Note that a user has no open page in this process any more."""
        self._own_ids.discard(user_id)
        if self.table is not None:
            await self.table.remove(self._build_key(user_id))

    async def list_user_ids(self) -> set[str]:
        """Return the ids of the users with an open page."""
        return self._own_ids | self.table.list_groups() if self.table is not None else set(self._own_ids)
