"""JSON of the sockets, by msgspec, and packets that are not searched for binary parts, which the server never sends."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.json_decoding import decode_json
from fastback.realtime.socketio_import import socketio


class Json:
    """The functions of a JSON module that python-socketio calls; a `msgspec.Raw` inside a value is sent as it is."""

    @staticmethod
    def dumps(value: Any, *args: Any, **kwargs: Any) -> str:
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, *args: Any, **kwargs: Any) -> Any:
        try:
            return decode_json(text)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error


class JsonPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet that holds only JSON."""

    uses_binary_events = False
