"""What this process uses of the MCP protocol's SDK: its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastback.plugin_host.mcp_import import import_from_sdk

if TYPE_CHECKING:
    from mcp.client.client import Client as Client
    from mcp.client.session import IncomingMessage as IncomingMessage
    from mcp.client.streamable_http import streamable_http_client as streamable_http_client
    from mcp.client.subscriptions import SubscriptionLost as SubscriptionLost
    from mcp.shared.exceptions import MCPError as MCPError
else:
    Client, IncomingMessage, streamable_http_client, SubscriptionLost, MCPError = import_from_sdk(
        "mcp.client.client.Client",
        "mcp.client.session.IncomingMessage",
        "mcp.client.streamable_http.streamable_http_client",
        "mcp.client.subscriptions.SubscriptionLost",
        "mcp.shared.exceptions.MCPError",
    )
