"""Sessions with MCP servers, shared by the turns of one owner: opened when needed, checked, closed when idle."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from fastback.kit.rpc.errors import RemoteFailure
from fastback.plugin_host.mcp_server import McpServer, SessionLost
from fastback.plugin_host.memory_tidying import MEMORY

if TYPE_CHECKING:
    from fastback.plugin_host.mcp_session import McpSession

log = logging.getLogger("fastback.plugin_host")

Json = dict[str, Any]
T = TypeVar("T")

#: Seconds without a call after which a session is closed, and after which it is checked before it is used.
IDLE_SECONDS, CHECK_SECONDS = 600.0, 60.0
#: Seconds after which a list of tools is fetched again in the background, and after which calls wait for that.
FRESH_SECONDS, STALE_SECONDS = 30.0, 300.0
#: Seconds in which a server that took too long is not tried again, so that it slows one turn and not all.
TIMEOUT_PAUSE_SECONDS = 20.0
#: Sessions that are open at a time; those that were used least recently make room.
MAX_SESSIONS = 256
_SWEEP_SECONDS = 15.0
#: Imports the SDK, when the first server is called.
_SESSION_MODULE = "fastback.plugin_host.mcp_session"


class ToolList(msgspec.Struct):
    """What a server offers: its tools, and its instructions for models."""

    tools: list[Json]
    instructions: str


class _Entry:
    """The session of one owner with one server, and the tools that were listed in it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.session: McpSession | None = None
        #: When it was last used, and when a call in it last succeeded.
        self.used_at = self.checked_at = time.monotonic()
        self.call_count = 0
        self.listed: ToolList | None = None
        self.listed_at = 0.0
        self.listed_version = 0
        self.refresh: asyncio.Task[None] | None = None
        self.paused_until = 0.0


class McpSessions:
    """The sessions of this process."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._sweeper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def list_tools(self, server: Json, fresh: bool = False) -> Json:
        """Return `{"tools", "instructions"}` of a server; `server` are the fields of `McpServer`.

        `fresh`: in a session of its own, which is closed afterwards.

        Raises:
            RemoteFailure: the server failed, or did not answer in time.
        """
        target = _convert_server(server)
        if fresh:
            result: Json = await run_once("list_tools", server=server)
            return result
        entry = self._get_entry(target)
        try:
            with _use(entry):
                async with _limit(target.connect_seconds, target, entry):
                    listed = await self._require_list(entry, target)
        except RemoteFailure as failure:
            if failure.kind == "mcp_timeout":
                entry.paused_until = time.monotonic() + TIMEOUT_PAUSE_SECONDS
            self._drop_refused(target, failure)
            raise
        return msgspec.structs.asdict(listed)

    async def _require_list(self, entry: _Entry, server: McpServer) -> ToolList:
        session = await self._require_session(entry, server)
        age = time.monotonic() - entry.listed_at
        if entry.listed is None or entry.listed_version != session.list_version or age > STALE_SECONDS:
            return await self._list_again(entry, server)
        if age > FRESH_SECONDS and (entry.refresh is None or entry.refresh.done()):
            entry.refresh = asyncio.get_running_loop().create_task(self._refresh(entry, server))
        return entry.listed

    async def call_tool(
        self, server: Json, name: str, arguments: Json, seconds: float, page: Json | None = None
    ) -> list[Json]:
        """Call a tool, and return the parts of its result.

        `seconds`: how long it may take; 0 for no limit. `page`: where the server's questions to the user are shown.

        Raises:
            RemoteFailure: the server or the tool failed, or did not answer in time.
        """
        target = _convert_server(server)
        from fastback.plugin_host.mcp_elicitation import PageQuestion

        entry = self._get_entry(target)
        try:
            with _use(entry):
                async with _limit(seconds, target, entry) as limit:
                    question = PageQuestion(target.id, page, limit) if page is not None else None
                    return await self._run(entry, target, lambda session: session.call_tool(name, arguments, question))
        except RemoteFailure as failure:
            self._drop_refused(target, failure)
            raise

    # -- sessions --------------------------------------------------------------------------------------------------

    def _get_entry(self, server: McpServer) -> _Entry:
        key = _build_key(server)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()
            self._make_room()
        self._entries.move_to_end(key)
        entry.used_at = time.monotonic()
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        return entry

    async def _require_session(self, entry: _Entry, server: McpServer) -> McpSession:
        """Return an open session.

        Raises:
            RemoteFailure: the server cannot be reached.
        """
        from fastback.plugin_host.mcp_session import McpSession

        async with entry.lock:
            session = entry.session
            if session is not None and session.is_open:
                is_fresh = time.monotonic() - entry.checked_at < CHECK_SECONDS
                if is_fresh or await session.is_alive():
                    return session
            if time.monotonic() < entry.paused_until:
                raise RemoteFailure("mcp_error", "it did not answer a moment ago")
            self._discard(entry)
            session = McpSession(server)
            await session.open()
            entry.session, entry.listed = session, None
            entry.checked_at = time.monotonic()
            return session

    async def _run(self, entry: _Entry, server: McpServer, work: Callable[[McpSession], Awaitable[T]]) -> T:
        """Run work in the session; in another one where the server has ended this one and did nothing.

        Raises:
            RemoteFailure: it failed.
        """
        session = await self._require_session(entry, server)
        try:
            return await work(session)
        except SessionLost as error:
            log.info("session with MCP server %s was lost (%s), it is opened again", server.id, error)
            if entry.session is session:
                self._discard(entry)
        session = await self._require_session(entry, server)
        try:
            return await work(session)
        except SessionLost as error:
            raise RemoteFailure("mcp_error", str(error) or "the session was lost") from None

    async def _list_again(self, entry: _Entry, server: McpServer) -> ToolList:
        async def list_tools(session: McpSession) -> ToolList:
            version = session.list_version
            entry.listed = ToolList(await session.list_tools(), session.instructions)
            entry.listed_at, entry.listed_version = time.monotonic(), version
            return entry.listed

        return await self._run(entry, server, list_tools)

    async def _refresh(self, entry: _Entry, server: McpServer) -> None:
        try:
            with _use(entry):
                async with _limit(server.connect_seconds, server, entry):
                    await self._list_again(entry, server)
        except RemoteFailure as failure:
            log.info("listing the tools of MCP server %s again failed: %s", server.id, failure)
            entry.listed = None

    async def close(self) -> None:
        """Close every session."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for entry in self._entries.values():
            self._discard(entry)
        self._entries.clear()
        if self._closing:
            await asyncio.wait(self._closing)

    # -- closing ---------------------------------------------------------------------------------------------------

    def _discard(self, entry: _Entry) -> None:
        """Close the session of an entry in the background, if it has one."""
        session, entry.session, entry.listed = entry.session, None, None
        if session is not None:
            task = asyncio.get_running_loop().create_task(session.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _drop_refused(self, server: McpServer, failure: RemoteFailure) -> None:
        """Close the session whose credentials the server has refused: other credentials have another one."""
        if failure.kind == "mcp_unauthorized":
            entry = self._entries.pop(_build_key(server), None)
            if entry is not None:
                self._discard(entry)

    def _make_room(self) -> None:
        excess = len(self._entries) - MAX_SESSIONS
        for key in [key for key, entry in self._entries.items() if not entry.call_count][: max(excess, 0)]:
            self._discard(self._entries.pop(key))

    async def _sweep(self) -> None:
        """Close idle sessions until none is left."""
        while self._entries:
            await asyncio.sleep(_SWEEP_SECONDS)
            limit = time.monotonic() - IDLE_SECONDS
            for key, entry in list(self._entries.items()):
                if not entry.call_count and entry.used_at < limit:
                    self._discard(self._entries.pop(key))


async def run_once(method: str, /, **params: Any) -> Any:
    """Run a method of `McpSessions` in sessions that end with it; it works on any event loop.

    Raises:
        RemoteFailure: as the method.
    """
    sessions = McpSessions()
    try:
        return await getattr(sessions, method)(**params)
    finally:
        await sessions.close()


@contextmanager
def _use(entry: _Entry) -> Iterator[None]:
    """Count a call under way in an entry, so that its session is not closed meanwhile."""
    entry.call_count += 1
    try:
        yield
    finally:
        entry.call_count -= 1


@asynccontextmanager
async def _limit(seconds: float, server: McpServer, entry: _Entry) -> AsyncIterator[asyncio.Timeout]:
    """Limit the time of a call; yield the limit. A session in which one took too long is checked before its next use.

    Raises:
        RemoteFailure: of the kind `mcp_timeout`.
    """
    try:
        async with asyncio.timeout(seconds or None) as limit:
            yield limit
        entry.checked_at = time.monotonic()
    except TimeoutError:
        entry.checked_at = 0.0
        text = f"MCP server '{server.id}' did not answer within {seconds:g} s"
        raise RemoteFailure("mcp_timeout", text) from None


def _convert_server(server: Json) -> McpServer:
    if _SESSION_MODULE not in sys.modules:
        MEMORY.tidy_soon()
    try:
        importlib.import_module(_SESSION_MODULE)
    except ImportError as error:
        raise RemoteFailure("mcp_missing", f"the package mcp is not installed ({error})") from None
    return msgspec.convert(server, McpServer)


def _build_key(server: McpServer) -> str:
    """Return what tells sessions apart: the server, the owner and the credentials, none of them readable."""
    headers = sorted(server.headers.items())
    parts = [server.id, server.url, server.owner, str(server.verify), server.can_ask, headers]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
