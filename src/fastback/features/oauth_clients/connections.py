"""Connections of tool servers that users sign in to, in the stored configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.config import Config
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.features.oauth_clients.client_info import (
    RESOURCE_MODES,
    ClientInfo,
    InvalidClientInfo,
    ResourceMode,
    parse_client_info,
)
from fastback.features.oauth_clients.metadata import join_scopes
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher

Connection = dict[str, Any]

#: Authentication types: with a registered client, and with credentials that an administrator entered.
OAUTH_TYPES = ("oauth_2.1", "oauth_2.1_static")
STATIC_TYPE = "oauth_2.1_static"


def build_client_id(server_id: str) -> str:
    """Return the id of a tool server's client, which is also the provider of its users' sessions."""
    return f"mcp:{server_id}"


def uses_oauth(connection: Connection) -> bool:
    """Return whether users sign in to the server of a connection."""
    return connection.get("type") == "mcp" and connection.get("auth_type") in OAUTH_TYPES


def find_connection(config: Config, client_id: str) -> Connection | None:
    """Return the connection of a client, or None."""
    index = find_index(config.get_list(TOOL_SERVER_CONNECTIONS), client_id)
    return None if index is None else config.get_list(TOOL_SERVER_CONNECTIONS)[index]


def find_index(connections: list[Any], client_id: str) -> int | None:
    """Return the position of a client's connection in a list of connections, or None."""
    for index, connection in enumerate(connections):
        if isinstance(connection, dict) and uses_oauth(connection):
            server_id = get_info(connection).get("id")
            if server_id and build_client_id(str(server_id)) == client_id:
                return index
    return None


def get_info(connection: Connection) -> dict[str, Any]:
    """Return the field `info` of a connection."""
    info = connection.get("info")
    return info if isinstance(info, dict) else {}


def get_option(connection: Connection, name: str) -> Any:
    """Return an option of `info`, else of `config`, where older releases stored it."""
    config = connection.get("config")
    return get_info(connection).get(name) or (config.get(name) if isinstance(config, dict) else None)


def list_urls(connection: Connection) -> tuple[str, ...]:
    """Return the addresses that an administrator entered; the first is where authorization is discovered."""
    urls = (get_option(connection, "oauth_server_url"), connection.get("url"))
    return tuple(dict.fromkeys(url for url in urls if isinstance(url, str) and url))


def decrypt_client_info(connection: Connection, cipher: ClientInfoCipher) -> ClientInfo:
    """Return the client that is stored in a connection, with the credentials and options that are beside it.

    Raises:
        UndecryptableError: it was encrypted with another key. InvalidClientInfo: it is missing or invalid.
    """
    encrypted = get_info(connection).get("oauth_client_info")
    if not isinstance(encrypted, str) or not encrypted:
        raise InvalidClientInfo("the server has no registered client")
    info = parse_client_info(cipher.decrypt(encrypted))
    client_id, secret = get_static_credentials(connection)
    if client_id and secret:
        info = msgspec.structs.replace(info, client_id=client_id, client_secret=secret)
    return msgspec.structs.replace(
        info,
        oauth_resource_parameter=_get_resource_mode(connection),
        scope=join_scopes(get_option(connection, "oauth_scope")) or info.scope,
    )


def get_static_credentials(connection: Connection) -> tuple[str, str]:
    """Return the identifier and the secret that an administrator entered; empty texts without them."""
    if connection.get("auth_type") != STATIC_TYPE:
        return "", ""
    info = get_info(connection)
    return str(info.get("oauth_client_id") or ""), str(info.get("oauth_client_secret") or "")


def _get_resource_mode(connection: Connection) -> ResourceMode:
    value = get_option(connection, "oauth_resource_parameter")
    return next((mode for mode in RESOURCE_MODES if mode == value), RESOURCE_MODES[0])
