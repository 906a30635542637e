"""Work that runs beside requests and can be listed, stopped and drained: a chat turn, a background refresh."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from fastback.kit.outages import choose_log_level, find_outage

log = logging.getLogger("fastback.tasks")

#: Seconds that cancelled tasks have to clean up when the server stops.
CANCELLING_SECONDS = 1.0
#: Seconds before background work that an outage has stopped is retried.
OUTAGE_PAUSE_SECONDS = 5.0
#: Seconds that background work started with `may_finish` has to end then, and that other background work has.
FINISHING_SECONDS, BACKGROUND_SECONDS = 1.5, 0.5
#: Seconds in which services close.
CLOSING_SECONDS = 1.0


class OtherTasks(Protocol):
    """The tasks of other processes; `fastback.kit.cluster.remote_tasks` knows them."""

    async def add(self, task_id: str, group: str, owner_id: str) -> None: ...

    async def remove(self, task_id: str) -> None: ...

    def list_ids(self) -> list[str]: ...

    def list_group_ids(self, group: str) -> list[str]: ...

    def list_groups(self) -> set[str]: ...

    def list_owned_ids(self, owner_id: str) -> list[str]: ...

    def find_owner_id(self, task_id: str) -> str | None: ...

    async def stop(self, task_id: str) -> bool: ...

    async def wait(self, task_id: str) -> None: ...

    async def announce_stop(self) -> None: ...

    async def finish_stopping(self) -> None: ...


class _Running(NamedTuple):
    task: asyncio.Task[Any]
    group: str | None
    owner_id: str | None


class Tasks:
    """Named asyncio tasks. The `group` of a task is what it belongs to, for example the id of a chat.

    What is listed, stopped and awaited by its id may run in another process of the installation.
    """

    def __init__(self) -> None:
        #: Set once the server stops.
        self.stopping = asyncio.Event()
        #: Whether the other processes know that this one will stop in a moment: they get new connections.
        self.is_handing_over = False
        self._running: dict[str, _Running] = {}
        self._others: OtherTasks | None = None
        self._groups: dict[str, list[str]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._finishing: set[asyncio.Task[Any]] = set()
        self._shutdown_work: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._held_count = 0
        self._idle = asyncio.Event()

    def connect(self, others: OtherTasks) -> None:
        """Tell other processes of tasks from now on, and know theirs."""
        self._others = others

    def start(
        self,
        work: Coroutine[Any, Any, Any],
        *,
        group: str | None = None,
        task_id: str | None = None,
        owner_id: str | None = None,
        on_end: Callable[[str], None] | None = None,
    ) -> str:
        """Run `work` as a task and return its id; `on_end` is called with the id when it has ended in any way.

        `owner_id`: the user who has started it.
        """
        task_id = task_id or str(uuid.uuid4())
        task = asyncio.get_running_loop().create_task(work)
        self._running[task_id] = _Running(task, group, owner_id)
        if group is not None:
            self._groups.setdefault(group, []).append(task_id)
        if self._others is not None:
            self.run_in_background(self._others.add(task_id, group or "", owner_id or ""), may_finish=True)
        task.add_done_callback(lambda finished: self._remove_finished(task_id, group, finished))
        if on_end is not None:
            task.add_done_callback(lambda _: on_end(task_id))
        return task_id

    def _remove_finished(self, task_id: str, group: str | None, task: asyncio.Task[Any]) -> None:
        self._running.pop(task_id, None)
        if group is not None and (ids := self._groups.get(group)) is not None:
            if task_id in ids:
                ids.remove(task_id)
            if not ids:
                del self._groups[group]
        self._announce_end(task_id)
        self._wake_when_idle()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task_id, exc_info=error)

    def _announce_end(self, task_id: str) -> None:
        if self._others is not None:
            self.run_in_background(self._others.remove(task_id), may_finish=True)

    def list_ids(self) -> list[str]:
        """List the ids of all running tasks."""
        return [*self._running, *(self._others.list_ids() if self._others is not None else ())]

    def count_running(self) -> int:
        """Return the number of running tasks."""
        return len(self._running)

    def count_background(self) -> int:
        """Return how many pieces of background work run."""
        return len(self._background)

    def list_group_ids(self, group: str) -> list[str]:
        """List the ids of the running tasks of a group, oldest first."""
        return [*self._groups.get(group, ()), *(self._others.list_group_ids(group) if self._others else ())]

    def list_owned_ids(self, owner_id: str) -> list[str]:
        """List the ids of the running tasks of an owner."""
        own_ids = [task_id for task_id, running in self._running.items() if running.owner_id == owner_id]
        return [*own_ids, *(self._others.list_owned_ids(owner_id) if self._others is not None else ())]

    def find_owner_id(self, task_id: str) -> str | None:
        """Return the owner of a task, or None."""
        running = self._running.get(task_id)
        if running is not None:
            return running.owner_id
        return self._others.find_owner_id(task_id) if self._others is not None else None

    def get_running_groups(self) -> set[str]:
        """Return the groups that have a running task."""
        groups = set(self._groups)
        return groups | self._others.list_groups() if self._others is not None else groups

    def leave_group(self, task_id: str) -> None:
        """Remove a task from its group as its last step: a client that lists the group next must not wait for it."""
        running = self._running.get(task_id)
        group = running.group if running is not None else None
        ids = self._groups.get(group) if group is not None else None
        if group is not None and ids is not None and task_id in ids:
            ids.remove(task_id)
            if not ids:
                del self._groups[group]
            self._announce_end(task_id)

    async def stop(self, task_id: str) -> bool:
        """Cancel a task, wait until it has cleaned up, and return whether it was running."""
        if task_id not in self._running and self._others is not None:
            return await self._others.stop(task_id)
        return await self.stop_own(task_id)

    async def stop_own(self, task_id: str) -> bool:
        """Stop a task of this process, as `stop`."""
        running = self._running.get(task_id)
        if running is None:
            return False
        running.task.cancel()
        await asyncio.wait([running.task], timeout=10)
        return True

    async def wait(self, task_id: str) -> None:
        """Wait until a task has ended in any way."""
        running = self._running.get(task_id)
        if running is not None:
            await asyncio.wait([running.task])
        elif self._others is not None:
            await self._others.wait(task_id)

    def run_in_background(self, work: Coroutine[Any, Any, Any], *, may_finish: bool = False) -> None:
        """Run work that is neither listed nor stopped; an error is logged.

        With `may_finish` the work has a moment to end by itself when the server stops.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        if may_finish:
            self._finishing.add(task)

        def remove_finished(done: asyncio.Task[Any]) -> None:
            self._background.discard(done)
            self._finishing.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None:
                log.error("background work failed", exc_info=error)

        task.add_done_callback(remove_finished)

    def run_through_outages(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Run `work` as `run_in_background`; where an outage stops it, run it again from the start."""

        async def run_until_done() -> None:
            while True:
                try:
                    await work()
                    return
                except Exception as error:
                    if find_outage(error) is None:
                        raise
                    log.debug("background work failed, retrying in %g s: %s", OUTAGE_PAUSE_SECONDS, error)
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)

        self.run_in_background(run_until_done())

    def run_every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Run `work` every `seconds` until the server stops; an error is logged, and the next run follows."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    await work()
                except Exception as error:
                    log.log(choose_log_level(error), "recurring work failed", exc_info=error)

        self.run_in_background(repeat())

    def run_at_shutdown(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` when the server stops, after all tasks have ended; the last added runs first."""
        self._shutdown_work.append(work)

    # -- the end of the server --------------------------------------------------------------------------------------

    @contextmanager
    def hold_server(self) -> Iterator[None]:
        """Count the block as running work, which a server that stops waits for as it waits for tasks."""
        self._held_count += 1
        try:
            yield
        finally:
            self._held_count -= 1
            self._wake_when_idle()

    def _wake_when_idle(self) -> None:
        if not self._running and not self._held_count:
            self._idle.set()

    def announce_stop(self) -> None:
        """Tell the other processes that this one stops."""
        self.is_handing_over = True
        if self._others is not None:
            self.run_in_background(self._others.announce_stop(), may_finish=True)

    async def finish_running(self, seconds: float, cut_short: asyncio.Event) -> None:
        """Wait until running work has ended, for at most `seconds` or until `cut_short` is set; cancel its other tasks.

        Work of other processes that stop at the same time is waited for, too: their answers may be those of pages of
        this one. From now on `stopping` is set.
        """
        self.stopping.set()
        self._idle.clear()
        self._wake_when_idle()
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        await _wait_for_first(self._idle.wait(), cut_short.wait(), seconds=seconds)
        await self._cancel_running()
        if self._others is not None:
            await _wait_for_first(self._others.finish_stopping(), cut_short.wait(), seconds=max(deadline - clock(), 0))

    async def _cancel_running(self) -> None:
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCELLING_SECONDS)

    async def drain(self) -> None:
        """Stop all work: cancel running tasks, wait for background work that may finish, cancel the rest, and run what
        `run_at_shutdown` got. Each step has a limit of seconds.
        """
        self.stopping.set()
        await self._cancel_running()
        if self._finishing:
            await asyncio.wait(list(self._finishing), timeout=FINISHING_SECONDS)
        for task in list(self._background):
            task.cancel()
        if self._background:
            await asyncio.wait(list(self._background), timeout=BACKGROUND_SECONDS)
        clock = asyncio.get_running_loop().time
        deadline = clock() + CLOSING_SECONDS
        while self._shutdown_work:
            work = self._shutdown_work.pop()
            try:
                # Each gets a moment, however late it is: what is closed first must not keep the rest open.
                await asyncio.wait_for(work(), max(deadline - clock(), 0.1))
            except TimeoutError:
                log.warning("%s was cut short: the server stops", getattr(work, "__qualname__", work))
            except Exception:
                log.exception("closing a service failed")


async def _wait_for_first(*works: Coroutine[Any, Any, Any], seconds: float) -> None:
    """Wait until one of these has ended, for at most `seconds`, and cancel the rest."""
    waits = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
