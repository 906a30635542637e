"""The tasks that run in the other processes of the installation."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from fastback.kit.cluster.node_calls import CallFailed, NodeCalls
from fastback.kit.cluster.node_table import NodeTable

log = logging.getLogger("fastback.tasks")

#: Seconds in which a task that another process stops has to clean up.
_STOP_SECONDS = 12.0
#: Seconds in which the other processes of a machine that is stopped say that they stop, too.
_ANNOUNCEMENT_SECONDS = 0.3
#: The method that stops a task of the process that is called.
STOP_METHOD = "tasks.stop"


class RemoteTasks:
    """Implements `OtherTasks` (see `fastback.kit.tasks`)."""

    def __init__(self, table: NodeTable, calls: NodeCalls, *, stopping: NodeTable, node_id: str) -> None:
        self._table = table
        #: An entry for each process that stops.
        self._stopping = stopping
        self._calls = calls
        self._node_id = node_id

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
        await self._wait_until(lambda: self._table.find(task_id) is None)

    async def announce_stop(self) -> None:
        """Tell the other processes that this one stops."""
        await self._stopping.put(self._node_id, "")

    async def finish_stopping(self) -> None:
        """Wait for the tasks of processes that stop at the same time as this one."""
        if self._table.list_entries():
            await asyncio.sleep(_ANNOUNCEMENT_SECONDS)
            await self._wait_until(lambda: not self._has_stopping())

    def _has_stopping(self) -> bool:
        node_ids = {entry.node_id for entry in self._stopping.list_entries()}
        return any(entry.node_id in node_ids for entry in self._table.list_entries())

    async def _wait_until(self, check: Callable[[], bool]) -> None:
        """Wait until the tasks of the others are such that `check` returns True."""
        is_so = asyncio.Event()

        def look(_: set[str]) -> None:
            if check():
                is_so.set()

        look(set())
        self._table.listeners.append(look)
        try:
            await is_so.wait()
        finally:
            self._table.listeners.remove(look)
