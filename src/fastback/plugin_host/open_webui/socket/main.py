"""Events for pages: emitters, calls that wait for a page's reply, and `sio` for any other event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.server_link import SERVER
from fastback.plugin_host.socket_server import SocketServer

#: What plugins use of python-socketio's server.
sio = SocketServer()


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


# -- sockets -----------------------------------------------------------------------------------------------------------


class _SessionPool(Mapping[str, dict[str, Any]]):
    """`SESSION_POOL`: the users who are signed in on sockets, by the id of the socket, as they are now."""

    @staticmethod
    def _read() -> dict[str, dict[str, Any]]:
        sessions: dict[str, dict[str, Any]] = (
            SERVER.call_blocking("sockets.list_sessions") if SERVER.is_connected else {}
        )
        return sessions

    def __getitem__(self, sid: str) -> dict[str, Any]:
        return self._read()[sid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


SESSION_POOL = _SessionPool()


def get_user_id_from_session_pool(sid: str) -> str | None:
    """Return the user of a socket, or None."""
    user = SESSION_POOL.get(sid)
    return user["id"] if user else None


def get_session_ids_from_room(room: str) -> list[str]:
    """Return the sockets in a room."""
    members: list[str] = SERVER.call_blocking("sockets.list_members", room=room)
    return members


def get_session_ids_by_user_ids(user_ids: list[str]) -> list[str]:
    """Return the sockets of users."""
    return [sid for sid, user in SESSION_POOL.items() if user["id"] in user_ids]


def get_models_in_use() -> list[str]:
    """Return the models that a page waits for."""
    model_ids: list[str] = SERVER.call_blocking("sockets.list_models_in_use")
    return model_ids


@awaited_or_not
async def get_user_ids_from_room(room: str) -> set[str]:
    """Return the users who have a socket in a room."""
    members = await call_server("sockets.list_members", room=room)
    sessions = await call_server("sockets.list_sessions")
    return {sessions[sid]["id"] for sid in members if sid in sessions}


@awaited_or_not
async def emit_to_users(event: str, data: Any, user_ids: list[str]) -> None:
    """Send an event to every socket of users."""
    for user_id in user_ids:
        await call_server("sockets.emit", event=event, data=data, to=f"user:{user_id}")


@awaited_or_not
async def enter_room_for_users(room: str, user_ids: list[str]) -> None:
    """Put every socket of users into a room."""
    for sid in await _list_user_sockets(user_ids):
        await call_server("sockets.enter_room", sid=sid, room=room)


@awaited_or_not
async def leave_room_for_users(room: str, user_ids: list[str]) -> None:
    """Take every socket of users out of a room."""
    for sid in await _list_user_sockets(user_ids):
        await call_server("sockets.leave_room", sid=sid, room=room)


@awaited_or_not
async def disconnect_user_sessions(user_id: str, *, refresh_access: bool = False) -> None:
    """Close the sockets of a user."""
    for sid in await _list_user_sockets([user_id]):
        if refresh_access:
            await call_server("sockets.emit", event="access:updated", data={}, to=sid)
        await call_server("sockets.disconnect", sid=sid)


async def _list_user_sockets(user_ids: list[str]) -> list[str]:
    sessions = await call_server("sockets.list_sessions")
    return [sid for sid, user in sessions.items() if user["id"] in user_ids]
