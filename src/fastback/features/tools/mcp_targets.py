"""MCP servers as they are called: where, as whose, and with which headers."""

from __future__ import annotations

import msgspec

from fastback.features.oauth_clients.connections import Connection, build_client_id, uses_oauth


class McpError(Exception):
    """The server cannot be reached, does not speak MCP, or a tool failed."""


class McpUnauthorized(McpError):
    """The user has to sign in to the server, or again."""


class McpTarget(msgspec.Struct, frozen=True):
    """A server and whose session with it is used: an owner's, with these headers.

    `call_headers` are those of single requests; they tell no sessions apart. `client_id` is the OAuth client of a
    server that the owner signs in to, whose token is added to the headers of each call; empty for other servers.
    `can_ask` says whether a page shows the owner what the server asks in the middle of a call.
    """

    id: str
    url: str
    owner: str
    headers: dict[str, str] = {}
    call_headers: dict[str, str] = {}
    client_id: str = ""
    can_ask: bool = False

    def add_token(self, token: str) -> McpTarget:
        """Return the target with the token of its owner."""
        return msgspec.structs.replace(self, headers={**self.headers, "Authorization": f"Bearer {token}"})


def build_target(
    server_id: str,
    connection: Connection,
    owner: str,
    headers: dict[str, str],
    call_headers: dict[str, str] | None = None,
) -> McpTarget:
    """Return the target of a connection. An `Authorization` header of its own replaces the token of its owner."""
    names = {name.lower() for name in (*headers, *(call_headers or {}))}
    has_token = uses_oauth(connection) and "authorization" not in names
    return McpTarget(
        id=server_id,
        url=str(connection.get("url") or ""),
        owner=owner,
        headers=headers,
        call_headers=call_headers or {},
        client_id=build_client_id(server_id) if has_token else "",
    )
