"""Work that runs beside requests and can be listed, stopped and drained: a chat turn, a background refresh."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from fastback.kit.outages import find_outage

log = logging.getLogger("fastback.tasks")

#: Seconds that background work started with `may_finish` has to end when the server stops.
FINISHING_SECONDS = 3.0


class Tasks:
    """Named asyncio tasks. The `group` of a task is what it belongs to, for example the id of a chat."""

    def __init__(self) -> None:
        #: Set once the server stops.
        self.stopping = asyncio.Event()
        self._running: dict[str, tuple[asyncio.Task[Any], str | None]] = {}
        self._groups: dict[str, list[str]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._finishing: set[asyncio.Task[Any]] = set()
        self._shutdown_work: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def start(
        self,
        work: Coroutine[Any, Any, Any],
        *,
        group: str | None = None,
        task_id: str | None = None,
        on_end: Callable[[str], None] | None = None,
    ) -> str:
        """Run `work` as a task and return its id; `on_end` is called with the id when it has ended in any way."""
        task_id = task_id or str(uuid.uuid4())
        task = asyncio.get_running_loop().create_task(work)
        self._running[task_id] = (task, group)
        if group is not None:
            self._groups.setdefault(group, []).append(task_id)
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
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed", task_id, exc_info=error)

    def list_ids(self) -> list[str]:
        """List the ids of all running tasks."""
        return list(self._running)

    def list_group_ids(self, group: str) -> list[str]:
        """List the ids of the running tasks of a group, oldest first."""
        return list(self._groups.get(group, ()))

    def get_running_groups(self) -> set[str]:
        """Return the groups that have a running task."""
        return set(self._groups)

    def leave_group(self, task_id: str) -> None:
        """Remove a task from its group as its last step: a client that lists the group next must not wait for it."""
        _, group = self._running.get(task_id, (None, None))
        ids = self._groups.get(group) if group is not None else None
        if group is not None and ids is not None and task_id in ids:
            ids.remove(task_id)
            if not ids:
                del self._groups[group]

    async def stop(self, task_id: str) -> bool:
        """Cancel a task, wait until it has cleaned up, and return whether it was running."""
        entry = self._running.get(task_id)
        if entry is None:
            return False
        task = entry[0]
        task.cancel()
        await asyncio.wait([task], timeout=10)
        return True

    def run_in_background(self, work: Coroutine[Any, Any, Any], *, may_finish: bool = False) -> None:
        """Run work that is neither listed nor stopped; an error is logged.

        With `may_finish` the work has a few seconds to end by itself when the server stops.
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

    def run_every(self, seconds: float, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Run `work` every `seconds` until the server stops; an error is logged, and the next run follows."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    await work()
                except Exception as error:
                    # The next run follows; the database logs once that it does not respond.
                    level = logging.ERROR if find_outage(error) is None else logging.DEBUG
                    log.log(level, "recurring work failed", exc_info=error)

        self.run_in_background(repeat())

    def run_at_shutdown(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` when the server stops, after all tasks have ended; the last added runs first."""
        self._shutdown_work.append(work)

    async def drain(self, seconds: float) -> None:
        """Stop all work: wait `seconds` for running tasks, cancel the others, then run what `run_at_shutdown` got."""
        self.stopping.set()
        running = [task for task, _ in self._running.values()]
        if running:
            _, pending = await asyncio.wait(running, timeout=seconds)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=5)
        if self._finishing:
            await asyncio.wait(list(self._finishing), timeout=FINISHING_SECONDS)
        for task in list(self._background):
            task.cancel()
        if self._background:
            await asyncio.wait(list(self._background), timeout=2)
        while self._shutdown_work:
            try:
                await self._shutdown_work.pop()()
            except Exception:
                log.exception("closing a service failed")
