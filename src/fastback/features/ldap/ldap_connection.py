"""Connections to a directory by ldap3, with limits of time and size and with strict TLS; imported by a sign-in only."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ldap3 import ANONYMOUS, AUTO_BIND_NONE, NONE, SIMPLE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPSASLPrepError, LDAPStartTLSError
from ldap3.protocol.sasl.sasl import sasl_prep

from fastback.features.ldap.deadline import Deadline
from fastback.features.ldap.directory_settings import DirectorySettings
from fastback.features.ldap.limited_socket import LimitedSocket


class _StrictTls(Tls):  # type: ignore[misc]
    """TLS by a context of the standard library, which compares the name or address of the host with the certificate.

    ldap3's own comparison does not know addresses from Python 3.12 on, and it does not send the name of the host.
    """

    def __init__(self, context: ssl.SSLContext, deadline: Deadline) -> None:
        super().__init__(validate=context.verify_mode)
        self._context = context
        self._deadline = deadline

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Start TLS on a connection that ldap3 opens."""
        _limit_socket(connection, self._deadline).start_tls(self._context, connection.server.host)


def _limit_socket(connection: Any, deadline: Deadline) -> LimitedSocket:
    """Limit a connection's socket, in place, and return it."""
    if not isinstance(connection.socket, LimitedSocket):
        connection.socket = LimitedSocket(connection.socket, deadline)
    limited: LimitedSocket = connection.socket
    return limited


def _make_server(settings: DirectorySettings, context: ssl.SSLContext | None, deadline: Deadline) -> Any:
    """Return the server of the settings, with its addresses resolved."""
    server = Server(
        settings.host,
        port=settings.port,
        use_ssl=settings.use_tls,
        tls=None if context is None else _StrictTls(context, deadline),
        get_info=NONE,
        allowed_referral_hosts=[],
    )
    addresses = server.address_info
    if not addresses:
        raise OSError(f"host not found: {settings.host!r}")
    # All addresses of the host together may take half of the time.
    server.connect_timeout = deadline.get_remaining() / 2 / len(addresses)
    return server


def _prepare_password(password: str) -> str | bytes:
    """Return a password as the directory compares it: in normal form (SASLprep) where it has one."""
    try:
        normalized: str = sasl_prep(password)
    except LDAPSASLPrepError:  # such as a newer character, which Unicode 3.2 does not have
        return password.encode()
    return normalized


@contextmanager
def open_connection(
    settings: DirectorySettings, context: ssl.SSLContext | None, deadline: Deadline, *, user_dn: str, password: str
) -> Iterator[Any]:
    """Yield an open connection of ldap3 that is not bound yet; it is anonymous without `user_dn`.

    Raises:
        LDAPException, OSError: the directory cannot be reached, or TLS fails.
        TimeoutError: the time is up.
    """
    connection = Connection(
        _make_server(settings, context, deadline),
        user=user_dn or None,
        password=_prepare_password(password) if user_dn else None,
        authentication=SIMPLE if user_dn else ANONYMOUS,
        auto_bind=AUTO_BIND_NONE,
        auto_referrals=False,
        check_names=False,
        read_only=True,
    )
    try:
        connection.open(read_server_info=False)
        _limit_socket(connection, deadline)
        if settings.use_starttls and not connection.server.ssl and not connection.start_tls(read_server_info=False):
            raise LDAPStartTLSError("StartTLS failed")
        yield connection
    finally:
        with suppress(Exception):  # the directory may have closed it
            connection.unbind()
        if connection.socket is not None:
            connection.socket.close()
