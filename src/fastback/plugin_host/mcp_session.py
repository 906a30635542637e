"""One session with an MCP server over HTTP, through the SDK of the protocol.

The SDK requires that the task that opened a session also closes it: a task of its own holds each session.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from mcp_types import ElicitResult, Implementation, ToolListChangedNotification
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

import fastback
from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.mcp_elicitation import PageQuestion, Params
from fastback.plugin_host.mcp_failures import build_failure, describe_failure, unwrap_error
from fastback.plugin_host.mcp_http import EXCHANGE, MAX_ANSWER_BYTES, Exchange, McpHttpClient
from fastback.plugin_host.mcp_results import MAX_CHARACTERS, build_content, cut_texts, join_error_texts
from fastback.plugin_host.mcp_sdk import Client, IncomingMessage, MCPError, SubscriptionLost, streamable_http_client
from fastback.plugin_host.mcp_server import McpServer, SessionLost

log = logging.getLogger("fastback.plugin_host")

# They log every request, ids of sessions, and each failure that is reported here anyway.
for name in ("httpx2", "mcp.client", "client"):
    logging.getLogger(name).setLevel(logging.CRITICAL)

Json = dict[str, Any]
T = TypeVar("T")

#: Limits of the list of tools.
_MAX_PAGES, _MAX_TOOLS = 100, 2_000
#: Seconds that the server may take to answer a ping, and to end a session.
_PING_SECONDS, _CLOSE_SECONDS = 5.0, 3.0
#: Seconds until a stream of changes that has ended is opened again.
_LISTEN_PAUSE_SECONDS = 30.0


class McpSession:
    """An open session."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self._client: Client | None = None
        self._is_ready = asyncio.Event()
        self._close_requested = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._list_version = 0
        #: Where the questions of the calls under way are shown.
        self._questions: list[PageQuestion] = []
        #: The instructions of the server for models.
        self.instructions = ""

    @property
    def is_open(self) -> bool:
        """Whether calls can be made in it."""
        return self._client is not None and self._holder is not None and not self._holder.done()

    @property
    def list_version(self) -> int:
        """A number that grows when the server says that its tools have changed."""
        return self._list_version

    async def open(self) -> None:
        """Open the session.

        Raises:
            RemoteFailure: the server cannot be reached, or does not speak the protocol.
        """
        exchange = Exchange(self._server.call_headers)
        self._holder = asyncio.get_running_loop().create_task(_run_in(exchange, self._hold))
        ready = asyncio.get_running_loop().create_task(self._is_ready.wait())
        try:
            await asyncio.wait({self._holder, ready}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._holder.cancel()
            raise
        finally:
            ready.cancel()
        if not self.is_open:
            raise build_failure(self._failure, exchange)

    async def _hold(self) -> None:
        """Hold the session open until it is to be closed, or breaks."""
        server = self._server
        try:
            async with McpHttpClient(
                headers=server.headers, verify=server.verify, connect_seconds=server.connect_seconds
            ) as http_client:
                transport = streamable_http_client(
                    server.url, http_client=http_client, max_sse_event_size=MAX_ANSWER_BYTES
                )
                async with Client(
                    transport,
                    read_timeout_seconds=server.connect_seconds or None,
                    client_info=Implementation(name="fastback", version=fastback.__version__),
                    message_handler=self._handle_message,
                    elicitation_callback=self._ask_user if server.can_ask else None,
                    cache=None,
                ) as client:
                    self._client = client
                    self.instructions = client.instructions or ""
                    self._is_ready.set()
                    listener = asyncio.get_running_loop().create_task(self._listen(client))
                    try:
                        await self._close_requested.wait()
                    finally:
                        self._client = None
                        listener.cancel()
                        await asyncio.wait({listener})
        except BaseException as error:
            self._failure = unwrap_error(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._client = None

    async def _handle_message(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._list_version += 1

    async def _ask_user(self, context: Any, params: Params) -> ElicitResult:
        """Show a question of the server on the page of its call, and return the answer.

        A question that comes apart from the answers to calls belongs to the only one that is under way, if any.
        """
        exchange = EXCHANGE.get()
        question = exchange.question if exchange is not None else None
        if question is None and len(self._questions) == 1:
            question = self._questions[0]
        if question is None:
            return ElicitResult(action="cancel")
        if exchange is not None:
            exchange.has_asked = True
        return await question.ask(params)

    async def _listen(self, client: Client) -> None:
        """Hear of changes of the tools from servers of the newer protocol, which tell only those who ask."""
        tools = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or tools is None or not tools.list_changed:
            return
        EXCHANGE.set(Exchange(is_limited=False))
        try:
            while True:
                async with client.listen(tools_list_changed=True) as changes:
                    with suppress(SubscriptionLost):
                        async for _ in changes:
                            self._list_version += 1
                self._list_version += 1  # what changes until it listens again is missed
                await asyncio.sleep(_LISTEN_PAUSE_SECONDS)
        except (MCPError, SubscriptionLost, TimeoutError) as error:
            log.info("MCP server %s does not tell of changes of its tools: %s", self._server.id, error)

    async def close(self) -> None:
        """Close the session, and ask the server to drop it."""
        self._close_requested.set()
        if self._holder is not None:
            await asyncio.wait({self._holder}, timeout=_CLOSE_SECONDS)
            self._holder.cancel()

    async def is_alive(self) -> bool:
        """Return whether the server still knows the session."""
        client = self._client
        if client is None:
            return False
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return True  # it keeps no session
        exchange = Exchange(self._server.call_headers)
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._run(lambda: client.session.send_ping(), exchange)
        except (MCPError, RemoteFailure):
            return not exchange.problem and exchange.status < 400
        except (SessionLost, TimeoutError):
            return False
        return True

    async def list_tools(self) -> list[Json]:
        """Return the tools, `{"name", "description", "parameters"}` each.

        Raises:
            RemoteFailure: the server failed. SessionLost.
        """
        client = self._require_client()
        exchange = Exchange(self._server.call_headers)
        tools: list[Json] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await self._call(lambda: client.list_tools(cursor=cursor), exchange)  # noqa: B023
            tools += [
                {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
                for tool in page.tools
            ]
            cursor = page.next_cursor
            if not cursor or len(tools) >= _MAX_TOOLS:
                break
        return tools[:_MAX_TOOLS]

    async def call_tool(self, name: str, arguments: Json, question: PageQuestion | None = None) -> list[Json]:
        """Call a tool, and return the parts of its result. `question` shows what the server asks the user.

        Raises:
            RemoteFailure: the server or the tool failed. SessionLost.
        """
        client = self._require_client()
        if question is not None:
            self._questions.append(question)
        try:
            result = await self._call(
                lambda: client.call_tool(name, arguments, read_timeout_seconds=math.inf),
                Exchange(self._server.call_headers, question=question),
            )
        finally:
            if question is not None:
                self._questions.remove(question)
        plain: Json = result.model_dump(mode="json", by_alias=True)
        if result.is_error:
            raise RemoteFailure("tool_error", join_error_texts(plain)[:MAX_CHARACTERS])
        return cut_texts(build_content(plain))

    def _require_client(self) -> Client:
        if self._client is None:
            raise SessionLost
        return self._client

    async def _call(self, request: Callable[[], Awaitable[T]], exchange: Exchange) -> T:
        """Make a request of the protocol.

        Raises:
            RemoteFailure: the server failed. SessionLost.
        """
        try:
            return await self._run(request, exchange)
        except (RemoteFailure, SessionLost):
            raise
        except Exception as error:
            if exchange.has_asked:  # the user is not asked a second time
                raise build_failure(error, exchange) from error
            if exchange.problem and not exchange.was_sent and not exchange.byte_count:
                raise SessionLost(describe_failure(error, exchange)) from error
            if exchange.had_session and exchange.status in (400, 404):
                raise SessionLost(describe_failure(error, exchange)) from error
            raise build_failure(error, exchange) from error

    async def _run(self, request: Callable[[], Awaitable[T]], exchange: Exchange) -> T:
        """Make a request, unless the session breaks first.

        Raises:
            SessionLost: it broke before anything was sent. RemoteFailure: it broke later.
        """
        assert self._holder is not None
        exchange.is_over = False
        task = asyncio.get_running_loop().create_task(_run_in(exchange, request))
        try:
            await asyncio.wait({task, self._holder}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            exchange.is_over = True
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        if not exchange.status and not exchange.problem:
            raise SessionLost("the session broke")
        raise build_failure(self._failure, exchange)


async def _run_in(exchange: Exchange, request: Callable[[], Awaitable[T]]) -> T:
    """Make a request whose traffic belongs to an exchange."""
    EXCHANGE.set(exchange)
    return await request()
