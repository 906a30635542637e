"""Build the services of tools."""

from __future__ import annotations

import aiohttp

from fastback.config import Config
from fastback.features.oauth_clients.tool_server_tokens import ToolServerTokens
from fastback.features.plugins.loading import PluginInspector
from fastback.features.plugins.valves import ValveStore
from fastback.features.tools import routes
from fastback.features.tools.mcp_authorization import McpAuthorization
from fastback.features.tools.mcp_servers import McpServers
from fastback.features.tools.servers import ToolServerRegistry
from fastback.features.tools.service import ToolRecords
from fastback.kit.bus import Bus
from fastback.kit.services import Component, Services
from fastback.plugins.host import PluginHost
from fastback.plugins.methods import HostMethods
from fastback.records.access import RecordAccess
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `McpServers`, `ToolServerRegistry` and `ToolRecords`."""
    services.add(
        McpServers,
        McpServers(
            host=services.get(PluginHost),
            config=services.get(Config),
            settings=services.get(Settings),
            authorization=McpAuthorization(services.get(ToolServerTokens)),
        ),
    )
    services.add(
        ToolServerRegistry,
        ToolServerRegistry(
            client=services.get(aiohttp.ClientSession),
            config=services.get(Config),
            settings=services.get(Settings),
            bus=services.get(Bus),
        ),
    )
    access = services.get(RecordAccess)
    records = ToolRecords(
        access=access, plugins=services.get(PluginInspector), valves=services.get(ValveStore), bus=services.get(Bus)
    )
    services.add(ToolRecords, records)
    services.get(HostMethods).add("tools.get_source", records.get_source)


COMPONENT = Component(name="tools", routers=routes.routers, setup=set_up)
