"""A client of MCP servers over HTTP, with the library `mcp`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, Self


class MCPClient:
    """One session: `connect`, then list and call tools, then `disconnect`; also as an asynchronous context."""

    def __init__(self, event_caller: Any = None, server_name: str = "") -> None:
        self.client: Any = None
        self.session: Any = None
        self.exit_stack: AsyncExitStack | None = None
        self.event_caller = event_caller
        self.server_name = server_name
        self.instructions: str | None = None

    async def connect(self, url: str, headers: dict[str, str] | None = None, auth: Any = None) -> None:
        """Open the session.

        Raises:
            Exception: the server cannot be reached, or refuses the session.
        """
        import httpx2

        from fastback.plugin_host.mcp_sdk import Client, streamable_http_client

        async with AsyncExitStack() as stack:
            http_client = httpx2.AsyncClient(headers=headers or {}, auth=auth, follow_redirects=True, timeout=None)
            await stack.enter_async_context(http_client)
            transport = streamable_http_client(url, http_client=http_client)
            elicit = self.elicit if self.event_caller is not None else None
            self.client = self.session = await stack.enter_async_context(Client(transport, elicitation_callback=elicit))
            self.instructions = getattr(self.client, "instructions", None)
            self.exit_stack = stack.pop_all()

    async def elicit(self, context: Any, params: Any) -> Any:
        """Return what the user answers to a question of the server, which `event_caller` shows."""
        from fastback.plugin_host.mcp_elicitation import answer_question

        return await answer_question(params, self.server_name, self.event_caller)

    def _require_client(self) -> Any:
        if self.client is None:
            raise RuntimeError("MCP client is not connected.")
        return self.client

    async def list_tool_specs(self) -> list[dict[str, Any]]:
        """Return `{"name", "description", "parameters"}` of each tool."""
        client, specs, cursor = self._require_client(), [], None
        while True:
            page = await client.list_tools(cursor=cursor)
            specs += [
                {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if cursor is None:
                return specs

    async def call_tool(self, function_name: str, function_args: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the content of a tool's result.

        Raises:
            Exception: the tool failed; the text is its own.
        """
        result = await self._require_client().call_tool(function_name, function_args)
        content: list[dict[str, Any]] = result.model_dump(mode="json", by_alias=True)["content"]
        if result.is_error:
            texts = [item["text"] for item in content if item["type"] == "text"]
            raise Exception("\n".join(texts) or "MCP tool call returned an error.")
        return content

    async def list_resources(self, cursor: str | None = None) -> list[dict[str, Any]]:
        result = await self._require_client().list_resources(cursor=cursor)
        resources: list[dict[str, Any]] = result.model_dump(mode="json", by_alias=True)["resources"]
        return resources

    async def read_resource(self, uri: str) -> dict[str, Any]:
        result = await self._require_client().read_resource(uri)
        resource: dict[str, Any] = result.model_dump(mode="json", by_alias=True)
        return resource

    async def disconnect(self) -> None:
        """Close the session."""
        stack, self.exit_stack, self.client, self.session = self.exit_stack, None, None, None
        if stack is not None:
            await stack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.disconnect()
