"""Tools that read and type in the shell that the user has open: offered while one is open in the chat."""

from __future__ import annotations

import asyncio

from fastback.completions.plugins.page_calls import PageCalls
from fastback.completions.tools.offered_tool import OfferedTool
from fastback.completions.turn import Turn

SHELL_TOOLS = frozenset({"read_user_terminal", "send_user_terminal_input"})
#: Seconds that the page has to say whether a shell is open.
_TIMEOUT = 2


async def drop_shell_tools(
    tools: list[OfferedTool], turn: Turn, page_calls: PageCalls, *, is_selected: bool, is_always_offered: bool
) -> list[OfferedTool]:
    """Return the tools of a terminal without those for the user's shell, unless that is open in the chat.

    `is_selected`: the chat uses this terminal. `is_always_offered`: its connection offers them without a shell, so that
    the list of tools, and with it the prompt caches of model servers, stays the same.
    """
    if not any(tool.name in SHELL_TOOLS for tool in tools):
        return tools
    if is_selected and not turn.ctx.automation_id and (is_always_offered or await _is_shell_open(turn, page_calls)):
        return tools
    return [tool for tool in tools if tool.name not in SHELL_TOOLS]


async def _is_shell_open(turn: Turn, page_calls: PageCalls) -> bool:
    request = turn.request
    if not request.session_id or not request.chat_id:
        return False
    data = {"terminal_id": request.body.get("terminal_id"), "session_id": request.session_id}
    event = {"type": "request:terminal:state", "data": data}
    message = {"chat_id": request.chat_id, "message_id": turn.message_id or None, "data": event}
    try:
        async with asyncio.timeout(_TIMEOUT):
            state = await page_calls.call(request.session_id, turn.user.id, message)
    except TimeoutError:
        return False
    return isinstance(state, dict) and state.get("connected") is True
