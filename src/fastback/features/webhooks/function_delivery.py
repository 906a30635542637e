"""Tell event functions of activity events, in the background."""

from __future__ import annotations

import asyncio
import logging

from fastback.access.activity import ActivityEvent
from fastback.features.functions import store as function_store
from fastback.features.functions.catalogue import ActiveFunction, FunctionCatalogue
from fastback.features.functions.events import FunctionsChanged
from fastback.features.webhooks.message import Message, build_message
from fastback.kit.db import Database
from fastback.kit.rpc.errors import RemoteFailure
from fastback.kit.tasks import Tasks
from fastback.plugins.host import PluginHost, PluginProcessGone

log = logging.getLogger("fastback.events")

#: Events that one function handles at the same time, and events that wait for it (further events are skipped).
MAX_CONCURRENT, MAX_QUEUED = 8, 1000
#: Seconds that a function has for one event.
TIMEOUT_SECONDS = 60.0


class _FunctionQueue:
    """Events that wait for, or are handled by, one function."""

    def __init__(self) -> None:
        self.gate = asyncio.Semaphore(MAX_CONCURRENT)
        self.size = 0
        self.is_overflow_logged = False


class FunctionDelivery:
    """Listen to activity events on the bus. Without an active event function, nothing is built or sent.

    A slow function delays only itself.
    """

    def __init__(
        self, *, catalogue: FunctionCatalogue, host: PluginHost, db: Database, tasks: Tasks, instance_id: str
    ) -> None:
        self._catalogue = catalogue
        self._host = host
        self._db = db
        self._tasks = tasks
        self._instance_id = instance_id
        self._has_functions = False
        #: By the id of the function; a queue is removed when it is empty.
        self._queues: dict[str, _FunctionQueue] = {}
        #: Events for which the functions are being looked up.
        self._pending_count = 0

    async def refresh(self, event: FunctionsChanged | None = None) -> None:
        """Find out whether there is an active event function."""
        self._has_functions = await function_store.has_active_of_type(self._db, "event")

    def has_functions(self, event: str) -> bool:
        """Return whether a function would handle an event."""
        return self._has_functions

    def handle_event(self, event: ActivityEvent) -> None:
        """Start the delivery of an event to every function."""
        if self._has_functions and self._pending_count < MAX_QUEUED:
            self._pending_count += 1
            self._tasks.run_in_background(self._queue(build_message(event, self._instance_id)), may_finish=True)

    async def _queue(self, message: Message) -> None:
        """Put an event into the queue of each function."""
        try:
            functions = await self._catalogue.list_by_type("event")
        except PluginProcessGone as error:
            log.warning("event functions failed for %s: %s", message["event"], error)
            return
        finally:
            self._pending_count -= 1
        for function in functions:
            queue = self._queues.setdefault(function.id, _FunctionQueue())
            if queue.size < MAX_QUEUED:
                queue.size += 1
                self._tasks.run_in_background(self._deliver(function, queue, message), may_finish=True)
            elif not queue.is_overflow_logged:
                queue.is_overflow_logged = True
                log.warning("event function %s is slower than events come: further events are skipped", function.id)

    async def _deliver(self, function: ActiveFunction, queue: _FunctionQueue, message: Message) -> None:
        try:
            async with queue.gate, asyncio.timeout(TIMEOUT_SECONDS):
                await self._host.call(
                    "events.run", plugins=[function.key], function=function.get_reference(), event=message
                )
        except TimeoutError:
            log.warning("event function %s took more than %g s, cancelled", function.id, TIMEOUT_SECONDS)
        except (RemoteFailure, PluginProcessGone) as error:
            log.warning("event function %s failed for %s: %s", function.id, message["event"], error)
        finally:
            queue.size -= 1
            if not queue.size:
                self._queues.pop(function.id, None)
