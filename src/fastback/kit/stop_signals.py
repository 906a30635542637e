"""The signals that stop the server: SIGTERM, and Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading

log = logging.getLogger("fastback")


class StopSignals:
    """Listen to the signals. The first one asks the server to stop, a second one to do so without waiting.

    Attributes:
        requested: set by the first signal.
        repeated: set by the second one.
    """

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.repeated = asyncio.Event()

    def listen(self) -> None:
        """Replace the handlers of the signals. From now on they do not end the process by themselves."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self._receive)
            except NotImplementedError:  # on Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._receive))

    async def wait_for(self, signal_event: asyncio.Event, work: asyncio.Task[None]) -> None:
        """Wait until one of the signals has come, or `work` is done."""
        waiting = asyncio.ensure_future(signal_event.wait())
        await asyncio.wait((waiting, work), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    def _receive(self) -> None:
        (self.repeated if self.requested.is_set() else self.requested).set()


class ProcessDeadline:
    """End the process after some time, whatever holds it up: with an error, unless `is_stored` is set by then."""

    def __init__(self, seconds: float) -> None:
        #: Whether nothing is lost any more where the process ends.
        self.is_stored = False
        timer = threading.Timer(seconds, self._end_process)
        timer.daemon = True
        timer.start()

    def _end_process(self) -> None:
        if not self.is_stored:
            log.error("stopping failed: the process ends without storing or closing everything")
        os._exit(0 if self.is_stored else 1)
