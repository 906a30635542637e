"""MCP servers as the process of plugins calls them."""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and what opens it.

    Attributes:
        id: for messages.
        owner: whose session it is; two owners never share one.
        headers: of every request, credentials among them.
        call_headers: of the requests of this call alone.
        verify: whether certificates are checked, or the path of a file with CA certificates.
        connect_seconds: how long opening a session and listing the tools may take; 0 for no limit.
        can_ask: whether its questions to the user can be shown; the session says so to the server.
    """

    id: str
    url: str
    owner: str = ""
    headers: dict[str, str] = {}
    call_headers: dict[str, str] = {}
    verify: bool | str = True
    connect_seconds: float = 10
    can_ask: bool = False


class SessionLost(Exception):
    """The session cannot be used, and the call was not carried out: another session may carry it out."""
