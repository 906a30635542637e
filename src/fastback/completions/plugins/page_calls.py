"""Events that ask the page something and wait for its reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

CallPage = Callable[[str, str, dict[str, Any]], Awaitable[Any]]


class PageCalls:
    """Call pages; the sockets' side connects itself once it is built."""

    def __init__(self) -> None:
        self._call_page: CallPage | None = None

    def connect(self, call_page: CallPage) -> None:
        """Use this function: `call_page(session_id, user_id, data)` returns the reply of a page."""
        self._call_page = call_page

    async def call(self, session_id: str | None, user_id: str, data: dict[str, Any]) -> Any:
        """Send a page an event and return its reply; `{"error": …}` where it is gone or does not reply in time.

        `data` is `{"chat_id", "message_id", "data": {"type", "data"}}`.
        """
        if self._call_page is None or session_id is None:
            return {"error": "Client session disconnected."}
        return await self._call_page(session_id, user_id, data)
