"""JSON of the sockets, by msgspec; packets without a search for binary parts, which we never send."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.realtime.socketio_import import socketio


class Json:
    """What python-socketio asks of a JSON module; `msgspec.Raw` inside goes out as it is."""

    @staticmethod
    def dumps(value: Any, *args: Any, **kwargs: Any) -> str:
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, *args: Any, **kwargs: Any) -> Any:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error


class JsonPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet that holds JSON alone."""

    uses_binary_events = False

    @classmethod
    def reconstruct_binary(cls, data: Any, attachments: list[bytes]) -> Any:
        return super().reconstruct_binary(data, [list(attachment) for attachment in attachments])
