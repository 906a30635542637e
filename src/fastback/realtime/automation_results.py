"""Results of automations, for the pages of their owners."""

from __future__ import annotations

from fastback.features.automations.events import ResultMessage
from fastback.kit.bus import Bus
from fastback.realtime.server import SocketServer

EVENT = "automation:result"


class AutomationResults:
    """Pass the results of runs on to every page of their owners."""

    def __init__(self, server: SocketServer, bus: Bus) -> None:
        self._server = server
        bus.subscribe(ResultMessage, self._send_result)

    async def _send_result(self, result: ResultMessage) -> None:
        await self._server.emit(EVENT, result.data, room=f"user:{result.user_id}")
