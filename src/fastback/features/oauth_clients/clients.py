"""The clients of tool servers: read from the stored connections, completed, and registered again where necessary."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from typing import NamedTuple

import msgspec

from fastback.config import Config
from fastback.config.keys.connections import TOOL_SERVER_CONNECTIONS
from fastback.config.store import ConfigChanged
from fastback.features.oauth_clients.client_info import ClientInfo, InvalidClientInfo
from fastback.features.oauth_clients.connections import (
    STATIC_TYPE,
    Connection,
    decrypt_client_info,
    find_connection,
    find_index,
    get_info,
    get_option,
    get_static_credentials,
    list_urls,
)
from fastback.features.oauth_clients.discovery import Discovery, DiscoveryFailed, limit_discovery
from fastback.features.oauth_clients.foreign_requests import ForeignRequests, RequestFactory, RequestFailed
from fastback.features.oauth_clients.metadata import InvalidMetadata, parse_server_metadata
from fastback.features.oauth_clients.registration import Registrar, RegistrationFailed, Target
from fastback.features.oauth_sessions.token_cipher import ClientInfoCipher, UndecryptableError
from fastback.kit.bus import Bus
from fastback.settings import Settings

log = logging.getLogger("fastback.oauth")

#: Seconds after which metadata that a client lacks is searched for again.
_RETRY_SECONDS = 300.0


class OAuthClient(msgspec.Struct, frozen=True):
    """A client of a tool server; `id` is also the provider of its users' sessions."""

    id: str
    info: ClientInfo
    connection: Connection


class _CachedClient(NamedTuple):
    client: OAuthClient
    expires_at: float


class OAuthClients:
    """Reads and writes the clients in the connections of tool servers."""

    def __init__(
        self,
        *,
        config: Config,
        settings: Settings,
        cipher: ClientInfoCipher,
        requests: RequestFactory,
        registrar: Registrar,
        bus: Bus,
    ) -> None:
        self._config = config
        self._settings = settings
        self._cipher = cipher
        self._requests = requests
        self._registrar = registrar
        self._cached: dict[str, _CachedClient] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        bus.subscribe(ConfigChanged, self._handle_config_change)

    def _handle_config_change(self, event: ConfigChanged) -> None:
        if TOOL_SERVER_CONNECTIONS in event.keys:
            self._cached.clear()

    def find_connection(self, client_id: str) -> Connection | None:
        """Return the connection of a client, or None."""
        return find_connection(self._config, client_id) if self._settings.enable_tool_servers else None

    async def find(self, client_id: str) -> OAuthClient | None:
        """Return a client, or None where there is no such server, or its client cannot be read."""
        connection = self.find_connection(client_id)
        if connection is None:
            return None
        cached = self._cached.get(client_id)
        if cached is not None and cached.expires_at > time.monotonic():
            return cached.client
        async with self._locks[client_id]:
            cached = self._cached.get(client_id)
            if cached is not None and cached.expires_at > time.monotonic():
                return cached.client
            return await self._load(client_id, connection)

    async def _load(self, client_id: str, connection: Connection) -> OAuthClient | None:
        version = self._config.version
        try:
            await self._cipher.prepare()
            info = decrypt_client_info(connection, self._cipher)
        except UndecryptableError:
            log.error(
                "OAuth client %s cannot be decrypted: connect its tool server again, and keep WEBUI_SECRET_KEY "
                "or OAUTH_CLIENT_INFO_ENCRYPTION_KEY",
                client_id,
            )
            return None
        except InvalidClientInfo as error:
            log.warning("OAuth client %s is invalid: %s", client_id, error)
            return None
        info = await self._complete(info, connection)
        client = OAuthClient(client_id, info, connection)
        is_complete = bool(info.scope and info.resource and info.server_metadata)
        if version == self._config.version:
            expires_at = float("inf") if is_complete else time.monotonic() + _RETRY_SECONDS
            self._cached[client_id] = _CachedClient(client, expires_at)
        return client

    async def _complete(self, info: ClientInfo, connection: Connection) -> ClientInfo:
        """Return a client with the scope, resource and metadata that an older registration lacks."""
        urls = list_urls(connection)
        if not urls or (info.scope and info.resource and info.server_metadata):
            return info
        requests = await self._requests.build_client_requests(urls, info.is_server_internal)
        try:
            async with limit_discovery():
                if info.server_metadata is None and info.issuer:
                    info = await _fetch_server_metadata(info, info.issuer, requests)
                if info.scope and info.resource:
                    return info
                resource = await Discovery(requests).find_resource(urls[0], other_urls=urls[1:])
        except (DiscoveryFailed, TimeoutError) as error:
            log.info("metadata of the tool server %s skipped: %s", urls[0], error or "it took too long")
            return info
        return msgspec.structs.replace(
            info,
            scope=info.scope or " ".join(resource.scopes_supported) or None,
            resource=info.resource or resource.resource,
        )

    async def register_again(self, client: OAuthClient, redirect_uri: str) -> OAuthClient:
        """Register the client of a server again, store it in its connection, and return it.

        Where another request has replaced it meanwhile, that client is returned.

        Raises:
            RegistrationFailed.
        """
        async with self._locks[client.id]:
            connection = self.find_connection(client.id)
            if connection is None:
                raise RegistrationFailed("the tool server is not connected anymore")
            if get_info(connection).get("oauth_client_info") == get_info(client.connection).get("oauth_client_info"):
                info = await self._register(connection, client.info, redirect_uri)
                connection = await self._store(client.id, info)
                log.info("registered OAuth client %s again", client.id)
            self._cached.pop(client.id, None)
            registered = await self._load(client.id, connection)
        if registered is None:
            raise RegistrationFailed("the stored client is invalid")
        return registered

    async def _register(self, connection: Connection, info: ClientInfo, redirect_uri: str) -> ClientInfo:
        urls = list_urls(connection)
        if not urls:
            raise RegistrationFailed("the tool server has no address")
        target = Target(urls[0], redirect_uri, urls[1:], get_option(connection, "oauth_scope"))
        if connection.get("auth_type") != STATIC_TYPE:
            return await self._registrar.register_dynamically(target)
        client_id, secret = get_static_credentials(connection)
        return await self._registrar.build_static(
            target, client_id or info.client_id, secret or info.client_secret or ""
        )

    async def _store(self, client_id: str, info: ClientInfo) -> Connection:
        """Store a registration in its connection, as that is now, and return the connection.

        Raises:
            RegistrationFailed: the connection was removed meanwhile.
        """
        encrypted = await self.encrypt(info)
        connections = list(self._config.get_list(TOOL_SERVER_CONNECTIONS))
        index = find_index(connections, client_id)
        if index is None:
            raise RegistrationFailed("the tool server is not connected anymore")
        connection = {**connections[index], "info": {**get_info(connections[index]), "oauth_client_info": encrypted}}
        connections[index] = connection
        await self._config.set(TOOL_SERVER_CONNECTIONS, connections)
        return connection

    async def encrypt(self, info: ClientInfo) -> str:
        """Return a client as connections store it."""
        await self._cipher.prepare()
        return self._cipher.encrypt(msgspec.to_builtins(info))


async def _fetch_server_metadata(info: ClientInfo, url: str, requests: ForeignRequests) -> ClientInfo:
    """Return a client with the metadata of its server from the document whose URL was stored with it."""
    try:
        response = await requests.send("GET", url, follow=True)
        if response.status != 200:
            return info
        return msgspec.structs.replace(info, server_metadata=parse_server_metadata(await response.decode_json()))
    except (RequestFailed, InvalidMetadata) as error:
        log.info("authorization server metadata at %s skipped: %s", url, error)
        return info
