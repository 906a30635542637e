"""`pages.…`: events for the pages of any user and chat, for `open_webui.socket.main`."""

from __future__ import annotations

from typing import Any

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.plugins.plugin_events import EventTarget, PluginEvents
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class PageMethods:
    """Show events on pages, store what chats keep of them, and ask pages."""

    def __init__(self, events: PluginEvents, page_calls: PageCalls) -> None:
        self._events = events
        self._page_calls = page_calls

    def add_to(self, methods: HostMethods) -> None:
        methods.add("pages.emit", self.emit)
        methods.add("pages.call", self.call)

    async def emit(self, target: Json, event: Json) -> None:
        """Show an event. `target` names `user_id`, `chat_id`, `message_id` and `session_id`.

        Raises:
            RemoteFailure: of the kind `TypeError`: the data are invalid for the event's type.
        """
        try:
            await self._events.show(_build_target(target), event)
        except TypeError as error:
            raise RemoteFailure("TypeError", str(error)) from None

    async def call(self, target: Json, event: Json) -> Any:
        """Send the page of a session an event, and return its reply."""
        built = _build_target(target)
        data = {"chat_id": built.chat_id, "message_id": built.message_id, "data": event}
        return await self._page_calls.call(built.session_id, built.user_id, data)


def _build_target(target: Json) -> EventTarget:
    return EventTarget(
        user_id=str(target.get("user_id") or ""),
        chat_id=str(target.get("chat_id") or ""),
        message_id=target.get("message_id") or None,
        session_id=target.get("session_id") or None,
    )
