"""What plugins use to show events on the page, and to ask it."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.server_link import ServerLink


class EventEmitter:
    """`__event_emitter__`: show an event on the page, and store what the chat keeps of it."""

    def __init__(self, server: ServerLink, turn_id: str) -> None:
        self._server = server
        self._turn_id = turn_id

    async def __call__(self, event_data: Any) -> None:
        """Emit `{"type": …, "data": …}`."""
        await self._server.call("turns.emit_event", turn_id=self._turn_id, event=event_data)


class EventCaller:
    """`__event_call__`: send an event to the page and wait for its reply."""

    def __init__(self, server: ServerLink, turn_id: str) -> None:
        self._server = server
        self._turn_id = turn_id

    async def __call__(self, event_data: Any) -> Any:
        """Return the page's reply, or `{"error": …}` where it is gone or late."""
        return await self._server.call("turns.call_page", turn_id=self._turn_id, event=event_data)
