"""Tools of servers that the page calls itself: those that users add to their own settings, terminals among them."""

from __future__ import annotations

import uuid
from typing import Any

from fastback.access.permissions import Permissions
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext
from fastback.completions.tools.servers.page_terminals import (
    PageTerminals,
    get_terminal_id,
    is_selected,
    list_page_servers,
)
from fastback.completions.tools.servers.server_results import build_server_result
from fastback.completions.tools.servers.shell_tools import drop_shell_tools
from fastback.completions.tools.servers.terminal_files import ServerTool, describe_displayed_file
from fastback.completions.tools.servers.terminal_tools import add_instructions
from fastback.completions.turn import Turn
from fastback.features.prompts import system_messages
from fastback.features.tools.openapi.operations import DISPLAY_FILE, MAX_OPERATIONS, build_function_name
from fastback.features.tools.openapi.schemas import SchemaResolver, clean_schema

Json = dict[str, Any]

_NOT_CONNECTED = "Error: Browser session is not connected for this direct tool."


class DirectTools:
    """List the tools that the page has sent with the request."""

    def __init__(self, *, terminals: PageTerminals, permissions: Permissions, page_calls: PageCalls) -> None:
        self._terminals = terminals
        self._permissions = permissions
        self._page_calls = page_calls

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the tools of the page's servers; the system prompts of the servers go after the turn's."""
        servers = list_page_servers(turn)
        if not servers or not await self._terminals.may_bring_servers(turn):
            return []
        conditions = OfferConditions(turn, self._permissions)
        tools: list[OfferedTool] = []
        for server in servers:
            if server.get("is_terminal") is True and not conditions.has_capability("terminal"):
                continue
            prompt = server.get("system_prompt")
            if isinstance(prompt, str) and prompt:
                turn.messages = system_messages.add_system_text(turn.messages, prompt, append=True)
            tools += await self._list_server_tools(server, turn)
            if is_selected(server, turn) and (instructions := await self._terminals.read_instructions(turn)):
                turn.messages = add_instructions(turn.messages, instructions)
        return tools[:MAX_OPERATIONS]

    async def _list_server_tools(self, server: Json, turn: Turn) -> list[OfferedTool]:
        specs = server.get("specs")
        description = {key: value for key, value in server.items() if key not in ("specs", "system_prompt")}
        tools: list[OfferedTool] = [
            DirectTool(server=description, spec=spec, page_calls=self._page_calls)
            for spec in (specs if isinstance(specs, list) else [])[:MAX_OPERATIONS]
            if isinstance(spec, dict) and isinstance(spec.get("name"), str) and spec["name"]
        ]
        if server.get("is_terminal") is not True:
            return tools
        options = server.get("config")
        return await drop_shell_tools(
            tools,
            turn,
            self._page_calls,
            is_selected=is_selected(server, turn),
            is_always_offered=isinstance(options, dict) and options.get("user_shell_tools") == "always",
        )


class DirectTool(ServerTool):
    """One tool of a server that the page calls."""

    kind = "direct"
    replaces_namesakes = True

    def __init__(self, *, server: Json, spec: Json, page_calls: PageCalls) -> None:
        function_name = spec["name"]
        super().__init__(name=build_function_name(function_name), spec=_clean_spec(spec), tool_id="")
        self._server = server
        self._function_name = function_name
        self._page_calls = page_calls

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        """Have the page call the server; it replies with the content and the headers of the response."""
        turn = context.turn
        request = turn.request
        if request.session_id is None:
            return RawResult(_NOT_CONNECTED)
        call = {
            "id": str(uuid.uuid4()),
            "name": self._function_name,
            "params": arguments,
            "server": self._server,
            "session_id": request.session_id,
        }
        message = {
            "chat_id": request.chat_id,
            "message_id": turn.message_id or None,
            "data": {"type": "execute:tool", "data": call},
        }
        reply = await self._page_calls.call(request.session_id, turn.user.id, message)
        content, headers = reply if isinstance(reply, list) and len(reply) == 2 else (reply, None)
        url = self._server.get("url")
        if self._function_name == DISPLAY_FILE and isinstance(url, str) and url:
            selector = _build_selector(get_terminal_id(turn), url)
            content = describe_displayed_file(content, arguments, selector=selector, chat_id=request.chat_id)
        if headers is None:
            return RawResult(content)
        return build_server_result(self.name, content, headers if isinstance(headers, dict) else {})


def _build_selector(terminal_id: str, url: str) -> Json:
    return {"terminal_id": terminal_id} if terminal_id else {"terminal_url": url}


def _clean_spec(spec: Json) -> Json:
    """Return the specification of a tool as the page has sent it, with a schema that model servers accept."""
    parameters = spec.get("parameters")
    resolver = SchemaResolver(parameters if isinstance(parameters, dict) else {})
    resolver.begin_operation()
    schema = resolver.resolve(parameters)
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        schema = {"type": "object", "properties": {}}
    clean_schema(schema)
    description = spec.get("description")
    return {"description": description if isinstance(description, str) else "", "parameters": schema}
