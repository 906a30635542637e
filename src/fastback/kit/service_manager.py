"""Messages to systemd, where it has started the process with `Type=notify`: ready, alive, stopping.

They are datagrams of lines to the socket that `NOTIFY_SOCKET` names (sd_notify(3)). Without the variable there is
nothing to tell.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger("fastback")


class ServiceManager:
    """The service manager that has started this process, if any."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        #: The name of an abstract socket begins with a NUL character.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_seconds = _read_watchdog_seconds(environ) if address else 0.0

    def notify(self, *lines: str) -> None:
        """Send a message, such as `READY=1`; a failure is logged."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning("telling the service manager %s failed: %s", lines[0], error)

    def report_ready(self, address: str) -> None:
        """Tell that the server accepts requests."""
        self.notify("READY=1", f"STATUS=Ready on {address}")

    def report_stopping(self, seconds: float) -> None:
        """Tell that the server stops, which takes `seconds` at most."""
        self.notify("STOPPING=1", "STATUS=Finishing running answers", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    async def keep_watchdog_quiet(self) -> None:
        """Tell twice in each interval that the event loop lives; return at once where there is no watchdog."""
        while self._watchdog_seconds:
            self.notify("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_seconds / 2)


def _read_watchdog_seconds(environ: Mapping[str, str]) -> float:
    """Return the interval of the watchdog; 0 without one, or where it watches another process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() else 0.0
