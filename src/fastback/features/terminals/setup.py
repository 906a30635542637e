"""Set up terminals."""

from __future__ import annotations

import aiohttp

from fastback.access.identity import IdentityResolver
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.terminals import routes
from fastback.features.terminals.proxy_routes import TerminalProxy
from fastback.features.terminals.servers import TerminalServers
from fastback.features.terminals.socket import TerminalSocket
from fastback.features.terminals.tool_servers import TerminalToolServers
from fastback.kit.bus import Bus
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.services import Component, Services
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.server_access import ServerHeaders
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `TerminalServers`, `TerminalProxy`, `TerminalToolServers` and `TerminalSocket`."""
    settings, client = services.get(Settings), services.get(aiohttp.ClientSession)
    terminals = TerminalServers(services.get(Config), settings, services.get(Permissions))
    services.add(TerminalServers, terminals)
    services.add(
        TerminalProxy,
        TerminalProxy(terminals=terminals, client=client, settings=settings, tokens=services.get(OAuthTokens)),
    )
    tool_servers = TerminalToolServers(
        client=client,
        config=services.get(Config),
        settings=settings,
        permissions=services.get(Permissions),
        headers=services.get(ServerHeaders),
        bus=services.get(Bus),
    )
    services.add(TerminalToolServers, tool_servers)
    services.add(
        TerminalSocket,
        TerminalSocket(
            identities=services.get(IdentityResolver),
            terminals=terminals,
            client=client,
            limits=services.get(ConnectionLimits),
            settings=settings,
            bus=services.get(Bus),
        ),
    )


COMPONENT = Component(name="terminals", routers=routes.routers, setup=set_up)
