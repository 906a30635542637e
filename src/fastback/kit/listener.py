"""The socket on which the server accepts connections; several processes may share it."""

from __future__ import annotations

import errno
import socket

#: Connections that may wait until a process accepts them.
BACKLOG = 2048


class StartError(Exception):
    """The server cannot start; the text is one line with the reason."""


def bind_listener(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; `start_listening` has it accept connections.

    Raises:
        StartError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol: without it asyncio leaves Nagle's algorithm on, and every response is delayed by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _build_start_error(host, port, error) from error
    return listener


def start_listening(listener: socket.socket) -> None:
    """Let a socket accept connections; several processes may do this with the one that they share.

    Raises:
        StartError: another process listens on the address.
    """
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise _build_start_error(host, port, error) from error


def _build_start_error(host: str, port: int, error: OSError) -> StartError:
    return StartError(f"cannot listen on {host}:{port}: {error.strerror}{_suggest_address(error)}")


def _suggest_address(error: OSError) -> str:
    """Return what the administrator can do about an address that cannot be used."""
    if error.errno == errno.EADDRINUSE:
        return "; stop the program that uses it, or choose another port: PORT=8081"
    if error.errno == errno.EACCES:
        return "; choose a port above 1023: PORT=8080"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "; HOST must be an address of this machine: HOST=127.0.0.1, or HOST=0.0.0.0 for all"
    return ""
