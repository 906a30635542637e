"""Entries and calls between processes, over one exchange of messages in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fastback.kit.cluster import LocalCluster, hold_lease
from fastback.kit.cluster.interface import Listener
from fastback.kit.cluster.node_calls import CallFailed, NodeCalls
from fastback.kit.cluster.node_table import NodeTable
from fastback.kit.cluster.remote_tasks import STOP_METHOD, RemoteTasks
from fastback.kit.tasks import Tasks


class Exchange(LocalCluster):
    """A process whose messages reach every process on the same exchange."""

    spans_processes = True

    def __init__(self, messages: LocalCluster) -> None:
        super().__init__()
        self._messages = messages

    async def publish(self, channel: str, message: bytes, *, is_kept: bool = False) -> None:
        await self._messages.publish(channel, message)

    def subscribe(self, channel: str, listener: Listener) -> Callable[[], None]:
        return self._messages.subscribe(channel, listener)


class Node:
    """A process with a table, and calls."""

    def __init__(self, messages: LocalCluster) -> None:
        cluster = Exchange(messages)
        self.id = cluster.node_id
        self.calls = NodeCalls(cluster)
        self.table = NodeTable("tasks", cluster, self.calls)
        self.tasks = Tasks()
        stopping = NodeTable("stopping", cluster, self.calls)
        self.tasks.connect(RemoteTasks(self.table, self.calls, stopping=stopping, node_id=self.id))
        self.calls.add(STOP_METHOD, self.tasks.stop_own)


@pytest.fixture
def nodes() -> tuple[Node, Node]:
    messages = LocalCluster()
    return Node(messages), Node(messages)


async def test_a_call_is_answered(nodes: tuple[Node, Node]) -> None:
    here, there = nodes

    async def double(number: int) -> int:
        return 2 * number

    there.calls.add("double", double)
    assert await here.calls.call(there.id, "double", 21, seconds=1) == 42
    assert await here.calls.call_each([there.id, "gone"], "double", 1, seconds=0.1) == {there.id: 2}


async def test_a_call_that_fails_or_takes_too_long_is_an_error(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    was_cancelled = asyncio.Event()

    async def fail(_: Any) -> None:
        raise ValueError("no such thing")

    async def hang(_: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            was_cancelled.set()
            raise

    there.calls.add("fail", fail)
    there.calls.add("hang", hang)
    with pytest.raises(CallFailed, match="no such thing"):
        await here.calls.call(there.id, "fail", seconds=1)
    with pytest.raises(CallFailed, match="there is no method"):
        await here.calls.call(there.id, "unknown", seconds=1)
    with pytest.raises(CallFailed, match="did not reply"):
        await here.calls.call(there.id, "hang", seconds=0.05)
    await asyncio.wait_for(was_cancelled.wait(), 1)
    call = asyncio.create_task(here.calls.call(there.id, "hang", seconds=None))
    await asyncio.sleep(0)
    here.calls.forget_node(there.id)
    with pytest.raises(CallFailed, match="is gone"):
        await call


async def test_entries_are_known_elsewhere_until_they_or_their_process_go(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    changes: list[set[str]] = []
    there.table.listeners.append(changes.append)
    await here.table.put("a", "group", "x")
    await here.table.put("b", "group")
    assert [(entry.key, entry.value) for entry in there.table.list_group("group")] == [("a", "x"), ("b", "")]
    assert here.table.list_entries() == []
    await here.table.remove("a")
    assert there.table.find("a") is None and there.table.has_group("group")
    there.table.drop_node(here.id)
    assert there.table.list_groups() == set()
    assert changes == [{"group"}] * 4
    await there.table.load_node(here.id)
    assert [entry.key for entry in there.table.list_entries()] == ["b"]


async def test_tasks_are_listed_and_stopped_from_elsewhere(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    task_id = here.tasks.start(asyncio.sleep(60), group="chat", owner_id="ada")
    await asyncio.sleep(0)
    assert there.tasks.list_ids() == there.tasks.list_group_ids("chat") == [task_id]
    assert there.tasks.get_running_groups() == {"chat"}
    assert there.tasks.find_owner_id(task_id) == "ada" and there.tasks.list_owned_ids("ada") == [task_id]
    waiting = asyncio.create_task(there.tasks.wait(task_id))
    assert await there.tasks.stop(task_id)
    await asyncio.wait_for(waiting, 2)
    assert there.tasks.list_ids() == [] and not await there.tasks.stop(task_id)


async def test_a_process_waits_for_tasks_of_those_that_stop_with_it(nodes: tuple[Node, Node]) -> None:
    here, there = nodes
    answer = asyncio.Event()
    here.tasks.announce_stop()
    there.tasks.start(answer.wait(), task_id="answer")
    await asyncio.sleep(0)
    # Alone it does not wait: its pages find the other process.
    await asyncio.wait_for(here.tasks.finish_running(30, asyncio.Event()), 5)
    there.tasks.announce_stop()
    first = asyncio.create_task(here.tasks.finish_running(30, asyncio.Event()))
    second = asyncio.create_task(there.tasks.finish_running(30, asyncio.Event()))
    await asyncio.sleep(1)
    assert not first.done() and not second.done()
    answer.set()
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    # What cuts the waiting short for one process does so for its waiting for others.
    there.tasks.start(asyncio.sleep(30), task_id="slow")
    await asyncio.sleep(0)
    cut_short = asyncio.Event()
    first = asyncio.create_task(here.tasks.finish_running(30, cut_short))
    await asyncio.sleep(0.5)
    assert not first.done()
    cut_short.set()
    await asyncio.wait_for(first, 5)
    await there.tasks.drain()


async def test_a_process_that_does_not_list_its_entries_leaves_nothing_behind(nodes: tuple[Node, Node]) -> None:
    here, there = nodes

    async def refuse(_: Any) -> None:
        raise ValueError("not now")

    there.calls.add("table.tasks", refuse)
    with pytest.raises(CallFailed):
        await here.table.load_node(there.id)
    await there.table.put("task", "chat")
    assert here.table.find("task") is not None
    assert here.table._changed == {}


async def test_a_lease_is_released_after_its_last_renewal() -> None:
    calls: list[str] = []

    class SlowLease:
        name, token = "work", 1

        async def renew(self) -> bool:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)  # the command is under way
                calls.append("renewed")
            return True

        async def release(self) -> None:
            calls.append("released")

    class SlowCluster(LocalCluster):
        async def acquire_lease(self, name: str, *, seconds: float) -> Any:
            return SlowLease()

    async with hold_lease(SlowCluster(), "work", seconds=0.01):
        await asyncio.sleep(0.05)
    assert calls == ["renewed", "released"]
