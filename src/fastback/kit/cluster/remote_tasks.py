"""The tasks that run in the other processes of the installation."""

from __future__ import annotations

import asyncio
import logging

from fastback.kit.cluster.node_calls import CallFailed, NodeCalls
from fastback.kit.cluster.node_table import NodeTable

log = logging.getLogger("fastback.tasks")

#: Seconds in which a task that another process stops has to clean up.
_STOP_SECONDS = 12.0
#: The method that stops a task of the process that is called.
STOP_METHOD = "tasks.stop"


class RemoteTasks:
    """Implements `OtherTasks` (see `fastback.kit.tasks`)."""

    def __init__(self, table: NodeTable, calls: NodeCalls) -> None:
        self._table = table
        self._calls = calls

    async def add(self, task_id: str, group: str, owner_id: str) -> None:
        """Tell the other processes of a task of this one."""
        await self._table.put(task_id, group, owner_id)

    async def remove(self, task_id: str) -> None:
        """Tell the other processes that a task of this one has ended."""
        await self._table.remove(task_id)

    def list_ids(self) -> list[str]:
        """List the tasks of the other processes."""
        return [entry.key for entry in self._table.list_entries()]

    def list_group_ids(self, group: str) -> list[str]:
        """List those of a group."""
        return [entry.key for entry in self._table.list_group(group)]

    def list_groups(self) -> set[str]:
        """Return the groups that have one."""
        return self._table.list_groups() - {""}

    def list_owned_ids(self, owner_id: str) -> list[str]:
        """List those of an owner."""
        return [entry.key for entry in self._table.list_entries() if entry.value == owner_id]

    def find_owner_id(self, task_id: str) -> str | None:
        """Return the owner of a task, or None."""
        entry = self._table.find(task_id)
        return entry.value or None if entry is not None else None

    async def stop(self, task_id: str) -> bool:
        """Have the process of a task stop it; return whether it was running."""
        entry = self._table.find(task_id)
        if entry is None:
            return False
        try:
            return bool(await self._calls.call(entry.node_id, STOP_METHOD, task_id, seconds=_STOP_SECONDS))
        except CallFailed as error:
            log.warning("stopping task %s failed: %s", task_id, error)
            return False

    async def wait(self, task_id: str) -> None:
        """Wait until a task has ended, or its process is gone."""
        has_ended = asyncio.Event()

        def check(_: set[str]) -> None:
            if self._table.find(task_id) is None:
                has_ended.set()

        check(set())
        self._table.listeners.append(check)
        try:
            await has_ended.wait()
        finally:
            self._table.listeners.remove(check)
