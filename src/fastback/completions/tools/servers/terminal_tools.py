"""Tools of a terminal that the administrator has connected: files and commands, for turns that name a `terminal_id`."""

from __future__ import annotations

from typing import Any

from fastback.access.permissions import Permissions
from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import OfferedTool, RawResult, ToolCallContext
from fastback.completions.tools.result_files import ResultFiles
from fastback.completions.tools.servers.openapi_tools import build_tool_context, store_binary
from fastback.completions.tools.servers.page_terminals import get_terminal_id
from fastback.completions.tools.servers.server_calls import ServerCaller
from fastback.completions.tools.servers.server_results import BinaryContent, build_server_result
from fastback.completions.tools.servers.shell_tools import drop_shell_tools
from fastback.completions.tools.servers.terminal_files import ServerTool, describe_displayed_file
from fastback.completions.turn import Message, Turn
from fastback.features.prompts import system_messages
from fastback.features.terminals.servers import TerminalRefused
from fastback.features.terminals.tool_servers import Terminal, TerminalToolServers
from fastback.features.tools.openapi.operations import DISPLAY_FILE, Operation
from fastback.kit.http.errors import HttpError

Json = dict[str, Any]


class TerminalTools:
    """List the operations of the terminal that a request names, and call them."""

    def __init__(
        self,
        *,
        terminals: TerminalToolServers,
        permissions: Permissions,
        page_calls: PageCalls,
        caller: ServerCaller,
        files: ResultFiles,
        enabled: bool,
    ) -> None:
        self._terminals = terminals
        self._permissions = permissions
        self._page_calls = page_calls
        self._caller = caller
        self._files = files
        self._enabled = enabled

    async def list_tools(self, turn: Turn) -> list[OfferedTool]:
        """Return the operations of the terminal; its prompt and the user's instructions go into the messages.

        Raises:
            HttpError: 503, where the terminal cannot be used.
        """
        terminal_id = get_terminal_id(turn)
        if not terminal_id or not self._enabled:
            return []
        connection = self._terminals.find_connection(terminal_id)
        if connection is None or not OfferConditions(turn, self._permissions).has_capability("terminal"):
            return []
        try:
            terminal = await self._terminals.get_terminal(connection, build_tool_context(turn))
        except TerminalRefused as refused:
            raise HttpError(503, f"Terminal unavailable: {refused}") from None
        context = await self._terminals.load_context(terminal)
        if context.system_prompt:
            turn.messages = system_messages.add_system_text(turn.messages, context.system_prompt, append=True)
        if context.instructions:
            turn.messages = add_instructions(turn.messages, context.instructions)
        tools: list[OfferedTool] = [
            TerminalTool(tools=self, terminal=terminal, operation=operation, directory=context.directory)
            for operation in terminal.server.operations
        ]
        return await drop_shell_tools(
            tools,
            turn,
            self._page_calls,
            is_selected=True,
            is_always_offered=terminal.options.get("user_shell_tools") == "always",
        )

    async def call(self, terminal: Terminal, operation: Operation, arguments: Json, turn: Turn) -> RawResult:
        """Call an operation and return its result.

        Raises:
            ToolError: as `ServerCaller.call`.
        """
        response = await self._caller.call(terminal.url, operation, arguments, terminal.headers)
        content = response.content
        if isinstance(content, BinaryContent):
            return await store_binary(self._files, operation.name, content, turn)
        if operation.id == DISPLAY_FILE:
            selector = {"terminal_id": str(terminal.connection.get("id"))}
            content = describe_displayed_file(content, arguments, selector=selector, chat_id=turn.request.chat_id)
        return build_server_result(operation.name, content, response.headers)


class TerminalTool(ServerTool):
    """One operation of a terminal."""

    kind = "terminal"
    replaces_namesakes = True

    def __init__(
        self, *, tools: TerminalTools, terminal: Terminal, operation: Operation, directory: str | None
    ) -> None:
        spec = operation.spec
        if directory and operation.id == "run_command":
            spec = {**spec, "description": f"{spec['description']}\n\nThe current working directory is: {directory}"}
        super().__init__(name=operation.name, spec=spec, tool_id=f"terminal:{terminal.connection.get('id')}")
        self._tools = tools
        self._terminal = terminal
        self._operation = operation

    async def run(self, arguments: Json, context: ToolCallContext) -> RawResult:
        return await self._tools.call(self._terminal, self._operation, arguments, context.turn)


def add_instructions(messages: list[Message], instructions: str) -> list[Message]:
    """Return the messages with the user's instructions as a message before the first question."""
    for index, message in enumerate(messages):
        if message.get("role") == "user":
            return [*messages[:index], {"role": "user", "content": instructions}, *messages[index:]]
    return messages
