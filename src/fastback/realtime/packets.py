"""JSON of the sockets, by msgspec, and packets that are not searched for binary parts, which the server never sends."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec

from fastback.kit.http.fragments import FragmentedBytes, FragmentedText
from fastback.kit.json_decoding import decode_json
from fastback.kit.json_pieces import decode_in_pieces
from fastback.realtime.socketio_import import engineio, socketio

#: Characters of a packet from which its JSON is decoded in pieces.
LARGE_PACKET = 64 * 1024
#: What precedes the JSON of a packet: its type, the number of its attachments, its namespace, and its id.
_HEAD = re.compile(r"\d(?:\d{1,10}-)?(?:/[^,]{0,200},)?\d{0,100}")


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


class PacketJson(Json):
    """The JSON of packets: that of large ones is decoded by `decode_large_packet` only."""

    @staticmethod
    def loads(text: str | bytes, *args: Any, **kwargs: Any) -> Any:
        if len(text) > LARGE_PACKET or isinstance(text, FragmentedText):
            raise ValueError("the JSON is too large")
        return Json.loads(text)


class DecodedPacket(str):
    """The text of a packet without its JSON, and the value of that."""

    value: Any


async def decode_large_packet(text: str) -> DecodedPacket:
    """Return a packet whose JSON is decoded in pieces, between which the event loop runs.

    Raises:
        ValueError: the packet has attachments or is invalid, its JSON is nested too deeply or has too many values.
    """
    match = _HEAD.match(text)
    is_valid = match is not None and "-" not in match[0].partition("/")[0]
    packet = DecodedPacket(match[0] if match is not None else "")
    content: FragmentedBytes | bytes
    if isinstance(text, FragmentedText):
        content = text.take_bytes_from(len(packet))
    else:
        # In a thread: the loop runs between the copies of a text.
        content = await asyncio.to_thread(lambda: text[len(packet) :].encode())
    try:
        if not is_valid:
            raise ValueError("the packet is too large")
        packet.value = await decode_in_pieces(content)
        return packet
    finally:
        if isinstance(content, FragmentedBytes):
            await content.clear()


class SlicedPacket(engineio.packet.Packet):  # type: ignore[misc]
    """An event of megabytes, as UTF-8 in slices that are sent one by one."""

    def __init__(self, json_slices: list[bytes]) -> None:
        super().__init__(engineio.packet.MESSAGE)
        self.slices = [f"{engineio.packet.MESSAGE}{socketio.packet.EVENT}".encode(), *json_slices]
        self.size = sum(map(len, self.slices))

    def encode(self, b64: bool = False) -> Any:
        """Return itself for a WebSocket, or the text for long polling."""
        return b"".join(self.slices).decode() if b64 else self


class JsonPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet that holds only JSON."""

    uses_binary_events = False

    def decode(self, encoded_packet: Any) -> int:
        attachment_count: int = super().decode(encoded_packet)
        if isinstance(encoded_packet, DecodedPacket):
            self.data = encoded_packet.value
        return attachment_count
