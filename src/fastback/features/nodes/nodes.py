"""Which processes of the installation run: each counts its row up, and one whose row no longer changes is dead."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from fastback.features.nodes import store
from fastback.kit.clock import clock
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import CallFailed, NodeCalls
from fastback.kit.cluster.node_table import NodeTable
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.nodes")

#: Seconds between two beats, and the looks at an unchanged row after which its process counts as dead.
BEAT_SECONDS, SILENT_LOOKS = 1.5, 4
#: Seconds in which a process that lives replies to a call.
REPLY_SECONDS = 1.0
#: Characters of the tag by which ids of sockets name their process.
TAG_LENGTH = 8
#: Beats from one comparison of the clocks to the next, and the seconds by which a clock may be off.
CLOCK_BEATS, MOST_OFF = 40, 1.0
#: The cluster's channel that tells the others to look at once.
_CHANGES = "nodes"

#: Called with the id of a process that has died.
DeathListener = Callable[[str], Coroutine[Any, Any, None]]


class Nodes:
    """The other processes of the installation. A single process without Redis asks the database nothing."""

    def __init__(self, *, db: Database, cluster: Cluster, calls: NodeCalls, tasks: Tasks) -> None:
        self._db = db
        self._cluster = cluster
        self._calls = calls
        self._tasks = tasks
        self._beat = 0
        #: Whether this process has had a row.
        self._is_listed = False
        #: The last beat of each other process, and at how many looks it was that.
        self._beats: dict[str, tuple[int, int]] = {}
        #: The processes that have ended, or were found dead.
        self._gone_ids: set[str] = set()
        self._tables: list[NodeTable] = []
        self._looking = asyncio.Lock()
        #: Called in one process only: in the one that cleans up.
        self.death_listeners: list[DeathListener] = []
        #: Called where this process was taken for dead, before it is one of the processes again.
        self.loss_listeners: list[Callable[[], None]] = []
        calls.add("nodes.ping", self._reply_ping)

    @staticmethod
    async def _reply_ping(_: object) -> bool:
        return True

    @property
    def id(self) -> str:
        """The id of this process."""
        return self._cluster.node_id

    @property
    def tag(self) -> str:
        """What ids of this process's sockets end with; empty for a single process."""
        return self._cluster.node_id[:TAG_LENGTH] if self.are_several else ""

    @property
    def are_several(self) -> bool:
        """Whether there may be other processes, now or later: with Redis, and a database that they can share."""
        return self._cluster.spans_processes and self._db.dialect == "postgres"

    @property
    def has_others(self) -> bool:
        """Whether another process runs now."""
        return bool(self._beats)

    def is_gone(self, node_id: str) -> bool:
        """Return whether another process has ended, or was found dead and has not come back."""
        return node_id in self._gone_ids

    def list_other_ids(self) -> list[str]:
        """List the ids of the other processes that run."""
        return list(self._beats)

    def find_with_entry(self, table: NodeTable, group: str) -> set[str] | None:
        """Return the ids of the other processes that have an entry of a group, or may have one.

        None where it is not known, as changes may have been lost a moment ago.
        """
        if self._cluster.has_gaps:
            return None
        return table.list_nodes(group) | {node_id for node_id in self._beats if not table.is_complete(node_id)}

    def find_by_socket(self, sid: str) -> str | None:
        """Return the id of the other process that has a socket; None where it is this process's, or is gone."""
        tag = sid[-TAG_LENGTH:]
        is_tagged = len(tag) == TAG_LENGTH
        return next((node_id for node_id in self._beats if is_tagged and node_id.startswith(tag)), None)

    def add_table(self, name: str) -> NodeTable:
        """Return a new table of entries of all processes; those of a process that is gone are dropped."""
        table = NodeTable(name, self._cluster, self._calls)
        self._tables.append(table)
        for node_id in self._beats:
            self._tasks.run_in_background(self._load(node_id, table))
        return table

    async def start(self) -> None:
        """Begin to be one of the processes."""
        if not self.are_several:
            return
        self._cluster.subscribe(_CHANGES, self._handle_change)
        self._cluster.subscribe_to_gaps(self._reload_tables)
        self._tasks.run_at_shutdown(self._leave)
        await self.beat()
        await self._cluster.publish(_CHANGES, self._cluster.node_id.encode())
        self._tasks.run_every(BEAT_SECONDS, self.beat)

    async def beat(self) -> None:
        """Say that this process runs, and look at the others."""
        self._beat += 1
        if not await store.save_beat(self._db, self._cluster.node_id, self._beat):
            if self._is_listed:
                self._note_death()
            await store.insert_node(self._db, self._cluster.node_id, self._beat)
            self._is_listed = True
        if self._beat % CLOCK_BEATS == 1:
            await self._compare_clocks()
        await self.look(is_beat=True)

    async def _compare_clocks(self) -> None:
        """Follow the clock of the database, where that of this machine is off."""
        asked_at = time.time()
        database_time = await store.read_time(self._db)
        replied_at = time.time()
        behind = database_time - (asked_at + replied_at) / 2
        if abs(behind) <= max(MOST_OFF, replied_at - asked_at):
            behind = 0.0
        if abs(behind - clock.seconds_behind) > MOST_OFF:
            log.warning(
                "the clock of this machine is %.0f s %s that of the database, which schedules and messages follow",
                abs(behind),
                "behind" if behind >= 0 else "ahead of",
            )
            clock.set_seconds_behind(behind)

    def _note_death(self) -> None:
        """Drop what others have ended, as they took this process for dead: it was cut off from them.

        Statements that are under way find it ended, too; so nothing of it is written from now on.
        """
        log.warning("the other processes took this one for dead: what it was writing is ended")
        self._cluster.drop_kept_messages()
        for listener in self.loss_listeners:
            listener()

    async def look(self, *, is_beat: bool = False) -> None:
        """See which other processes run. Only a look with `is_beat` counts for those that are silent."""
        async with self._looking:
            rows = {row.id: row for row in await store.list_nodes(self._db) if row.id != self._cluster.node_id}
            for node_id in [node_id for node_id in self._beats if node_id not in rows]:
                self._forget(node_id)  # it has ended, or another process has found it dead
            self._gone_ids -= rows.keys()
            for row in rows.values():
                last_beat, looks = self._beats.get(row.id, (-1, 0))
                self._beats[row.id] = (row.beat, looks + is_beat if row.beat == last_beat else 0)
                if last_beat == -1:
                    log.info("another process of this installation runs: %s", row.id)
                    self._tasks.run_in_background(self._load(row.id, *self._tables))
                elif self._beats[row.id][1] >= SILENT_LOOKS:
                    await self._end_node(row)

    async def _end_node(self, row: store.NodeRow) -> None:
        """Clean up behind a process that is silent, unless it replies after all, or another cleans up."""
        if await self.is_replying(row.id) or not await store.claim_node(self._db, row):
            return
        log.warning("process %s has died: ending what it has left", row.id)
        self._forget(row.id)
        for listener in self.death_listeners:
            self._tasks.run_in_background(listener(row.id))

    async def is_replying(self, node_id: str) -> bool:
        """Return whether a process replies to a call."""
        return bool(await self._calls.call_each([node_id], "nodes.ping", seconds=REPLY_SECONDS))

    async def select_unclaimed(self, method: str, keys: list[str]) -> list[str] | None:
        """Return the keys that no other process claims; None where a process does not reply.

        `method` is called with the keys, and returns those that its process claims.
        """
        node_ids = self.list_other_ids() if keys else []
        replies = await self._calls.call_each(node_ids, method, keys, seconds=REPLY_SECONDS)
        if len(replies) < len(node_ids):
            return None
        claimed = {key for reply in replies.values() for key in reply}
        return [key for key in keys if key not in claimed]

    def answer_claims(self, method: str, list_claimed: Callable[[], Collection[str]]) -> None:
        """Answer `select_unclaimed` of other processes with what this one claims."""

        async def select_claimed(keys: list[str]) -> list[str]:
            claimed = list_claimed()
            return [key for key in keys if key in claimed]

        self._calls.add(method, select_claimed)

    def _forget(self, node_id: str) -> None:
        del self._beats[node_id]
        self._gone_ids.add(node_id)
        self._calls.forget_node(node_id)
        for table in self._tables:
            table.drop_node(node_id)

    async def _handle_change(self, message: bytes) -> None:
        if message.decode() != self._cluster.node_id:
            await self.look()

    async def _leave(self) -> None:
        await store.delete_node(self._db, self._cluster.node_id)
        await self._cluster.publish(_CHANGES, self._cluster.node_id.encode())

    # -- entries of the others ---------------------------------------------------------------------------------------

    async def _load(self, node_id: str, *tables: NodeTable) -> None:
        """Ask a process for its entries of these tables."""
        try:
            for table in tables:
                await table.load_node(node_id)
        except CallFailed as error:
            log.info("reading the entries of process %s failed: %s", node_id, error)

    async def _reload_tables(self) -> None:
        """Ask every other process for its entries again, as changes may have been lost."""
        for table in self._tables:
            table.note_gap()
        for node_id in self.list_other_ids():
            await self._load(node_id, *self._tables)
