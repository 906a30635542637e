"""A connection to the directory whose time and size are limited as a whole."""

from __future__ import annotations

import socket
import ssl

from fastback.features.ldap.deadline import Deadline

#: Bytes that a directory may send over one connection: an entry with some thousand groups.
MAX_RECEIVED_BYTES = 2 * 1024 * 1024


class LimitedSocket:
    """A connected socket that receives and sends until a deadline.

    The time limits of plain sockets hold for each call: a directory that sends a byte now and then would never end.
    """

    def __init__(self, plain: socket.socket, deadline: Deadline) -> None:
        self._socket = plain
        self._deadline = deadline
        self._received_bytes = 0
        if plain.family != socket.AF_UNIX:
            # Without it the first request after the handshake waits 40 ms for the confirmation of the handshake's end.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, context: ssl.SSLContext, hostname: str) -> None:
        """Continue with TLS.

        Raises:
            ssl.SSLError: the certificate is not valid for the host, or there is no common version or cipher.
            OSError: the connection breaks off, or takes too long.
        """
        self._socket.settimeout(self._deadline.get_remaining())
        self._socket = context.wrap_socket(self._socket, server_hostname=hostname)

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; none when the directory has closed the connection.

        Raises:
            OSError: it takes too long, or the directory has sent too much.
        """
        self._socket.settimeout(self._deadline.get_remaining())
        data = self._socket.recv(size)
        self._received_bytes += len(data)
        if self._received_bytes > MAX_RECEIVED_BYTES:
            raise OSError(f"the directory sent more than {MAX_RECEIVED_BYTES} bytes")
        return data

    def sendall(self, data: bytes) -> None:
        """Send all bytes.

        Raises:
            OSError: it takes too long, or the connection is closed.
        """
        self._socket.settimeout(self._deadline.get_remaining())
        self._socket.sendall(data)

    def shutdown(self, how: int) -> None:
        """Shut one or both directions down."""
        self._socket.shutdown(how)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
