"""Events for pages: emitters, and calls that wait for a page's reply."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import call_server


class _Emitter:
    def __init__(self, target: dict[str, Any]) -> None:
        self._target = target

    async def __call__(self, event_data: dict[str, Any]) -> None:
        await call_server("pages.emit", target=self._target, event=event_data)


class _Caller:
    def __init__(self, target: dict[str, Any]) -> None:
        self._target = target

    async def __call__(self, event_data: dict[str, Any]) -> Any:
        return await call_server("pages.call", target=self._target, event=event_data)


class _Result:
    """An emitter or a caller that may be awaited: Open WebUI's functions became coroutines."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, event_data: dict[str, Any]) -> Any:
        return self._function(event_data)

    def __await__(self) -> Any:
        return self._function
        yield


def _select_target(request_info: dict[str, Any]) -> dict[str, Any]:
    return {name: request_info.get(name) for name in ("user_id", "chat_id", "message_id", "session_id")}


def get_event_emitter(request_info: dict[str, Any], update_db: bool = True) -> Any:
    """Return a function that shows events on the pages of a user; awaited or not."""
    return _Result(_Emitter(_select_target(request_info)))


def get_event_call(request_info: dict[str, Any]) -> Any:
    """Return a function that sends the page of a session an event and returns its reply; awaited or not."""
    return _Result(_Caller(_select_target(request_info)))


get_event_caller = get_event_call


async def get_active_user_ids() -> list[str]:
    """Return the ids of the users who were active in the last minutes."""
    import time

    rows = await call_server("rows.list", table="user", where={"last_active_at>": int(time.time()) - 180})
    return [row["id"] for row in rows]
