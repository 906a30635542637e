"""`sio` of `open_webui.socket.main`: the methods of python-socketio's server that plugins call."""

from __future__ import annotations

from typing import Any, NoReturn

from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server

#: Who gets an event: a room, a socket, or several of these; None: every socket.
Receivers = str | list[str] | tuple[str, ...] | None


class SocketServer:
    """Send events to pages, and ask pages. Its methods work with and without `await`.

    Nothing is received: what pages send goes to the server alone.
    """

    @awaited_or_not
    async def emit(
        self,
        event: str,
        data: Any = None,
        to: Receivers = None,
        room: Receivers = None,
        skip_sid: Receivers = None,
        namespace: str | None = None,
        callback: Any = None,
        ignore_queue: bool = False,
    ) -> None:
        """Send an event to a room or a socket; to all sockets without either."""
        receivers = to if to is not None else room
        await call_server("sockets.emit", event=event, data=data, to=_convert(receivers), skip=_convert(skip_sid))

    @awaited_or_not
    async def send(self, data: Any, to: Receivers = None, room: Receivers = None, **options: Any) -> None:
        """Send the event `message`."""
        await call_server("sockets.emit", event="message", data=data, to=_convert(to if to is not None else room))

    @awaited_or_not
    async def call(
        self,
        event: str,
        data: Any = None,
        to: str | None = None,
        sid: str | None = None,
        namespace: str | None = None,
        timeout: float | None = 60,
        ignore_queue: bool = False,
    ) -> Any:
        """Send an event to a socket, and return its reply.

        Raises:
            RemoteFailure: it does not reply in time.
        """
        return await call_server("sockets.call", event=event, data=data, to=to or sid or "", seconds=timeout)

    @awaited_or_not
    async def enter_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        await call_server("sockets.enter_room", sid=sid, room=room)

    @awaited_or_not
    async def leave_room(self, sid: str, room: str, namespace: str | None = None) -> None:
        await call_server("sockets.leave_room", sid=sid, room=room)

    @awaited_or_not
    async def close_room(self, room: str, namespace: str | None = None) -> None:
        """Take every socket out of a room."""
        await call_server("sockets.close_room", room=room)

    @awaited_or_not
    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        await call_server("sockets.disconnect", sid=sid)

    @awaited_or_not
    async def rooms(self, sid: str, namespace: str | None = None) -> list[str]:
        """Return the rooms of a socket."""
        rooms: list[str] = await call_server("sockets.list_rooms", sid=sid)
        return rooms

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Fastback does not offer sio.{name} to plugins", name=name, obj=self)


def _convert(receivers: Receivers) -> str | list[str] | None:
    return list(receivers) if isinstance(receivers, tuple) else receivers
