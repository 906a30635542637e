"""Calls that block: for code without an event loop at hand, from any thread."""

from __future__ import annotations

import socket
import threading
from typing import Any

from fastback.kit.rpc.channel import CALL, FAILURE, RESULT
from fastback.kit.rpc.errors import ChannelClosed, RemoteFailure
from fastback.kit.rpc.wire_values import HEAD, decode, encode_frame


class BlockingClient:
    """Call the other end of a connection; one call at a time. Streams cannot be called."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._socket = sock
        self._lock = threading.Lock()
        self._last_id = 0

    def call(self, method: str, /, **params: Any) -> Any:
        """Have the other end run a method, and return its result.

        Raises:
            RemoteFailure: the method failed. ChannelClosed: the other end is gone.
        """
        with self._lock:
            self._last_id += 1
            try:
                self._socket.sendall(encode_frame([CALL, self._last_id, method, params]))
                while True:
                    (size,) = HEAD.unpack(self._receive(HEAD.size))
                    message = decode(self._receive(size))
                    if message[1] == self._last_id:
                        break
            except OSError as error:
                raise ChannelClosed(str(error) or "the other process is gone") from error
        if message[0] == FAILURE:
            raise RemoteFailure(message[2], message[3], message[4])
        if message[0] != RESULT:
            raise RemoteFailure("not_a_result", f"{method} streams, which a blocking call cannot read")
        return message[2]

    def _receive(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            part = self._socket.recv(min(size - len(content), 1 << 20))
            if not part:
                raise ChannelClosed("the other process is gone")
            content += part
        return bytes(content)
