"""Questions to pages: events that wait for a reply, of plugins, tools and approvals.

A page may be connected to another process, which asks it then. Dialogs carry an id, and the page hears when one is
over, so that it can close it. A dialog of a stored chat outlives its socket: it is shown again where the user opens the
chat within a minute.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any, NamedTuple

import msgspec
import socketio

from fastback.features.chats.chat_ids import is_stored
from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster.node_calls import CallFailed, NodeCalls
from fastback.kit.json_pieces import decode_body
from fastback.kit.sliced_json import encode_in_slices
from fastback.realtime.server import SocketServer
from fastback.realtime.sessions import SocketSessions

log = logging.getLogger("fastback.realtime")

Json = dict[str, Any]

#: Seconds that a page has to reply, unless the settings choose another time.
CALL_TIMEOUT = 300.0
#: Types of events that open a dialog.
_DIALOGS = frozenset({"confirmation", "input", "request:user_input", "request:elicitation"})
#: Milliseconds that a user has for a dialog that names no time, and the seconds between which a named time counts.
_DEFAULT_MILLISECONDS, _SHORTEST, _LONGEST = 120_000, 60.0, 240.0
#: Seconds that a dialog whose socket is gone waits for another.
RETURN_SECONDS = 60.0
#: Seconds between two looks whether a socket is still there.
_CHECK_SECONDS = 1.0

#: The method that asks a socket of the process that is called.
_METHOD = "sockets.ask"

_DISCONNECTED = {"error": "Client session disconnected."}
_TIMED_OUT = {"error": "Event call timed out. The browser tab may be inactive or closed."}


class PageQuestions:
    """Ask the pages of users."""

    def __init__(
        self, *, server: SocketServer, sessions: SocketSessions, nodes: Nodes, calls: NodeCalls, timeout: float
    ) -> None:
        """`timeout`: seconds that a page has to reply."""
        self._server = server
        self._sessions = sessions
        self._nodes = nodes
        self._calls = calls
        self._timeout = timeout
        calls.add(_METHOD, self._answer_call)

    async def ask(self, session_id: str, user_id: str, data: Json) -> Any:
        """Send `data`, `{"chat_id", "message_id", "data": event}`, to a page and return its reply.

        The reply is `{"error": …}` where the page is gone, belongs to another user, or does not reply in time.
        """
        if self._find_other_node(session_id) is None and not self._is_open(session_id, user_id):
            log.warning("an event is not sent: socket %s is gone or of another user", session_id)
            return _DISCONNECTED
        event = _get_object(data, "data")
        content = _get_object(event, "data")
        interaction_id = None
        if event.get("type") in _DIALOGS:
            interaction_id = str(uuid.uuid4())
            data = {**data, "data": {**event, "data": {**content, "interaction_id": interaction_id}}}
        returns = interaction_id is not None and "session_id" not in content and is_stored(data.get("chat_id"))
        question = _Question(data, user_id, session_id, returns=returns)
        try:
            async with asyncio.timeout(self._choose_timeout(event, content)):
                return await self._ask(question)
        except (TimeoutError, socketio.exceptions.TimeoutError):
            return _TIMED_OUT
        finally:
            if interaction_id is not None:
                end = {"type": "request:interaction:done", "data": {"interaction_id": interaction_id}}
                await self._server.emit_to_socket("events", {**data, "data": end}, question.session_id)

    def _choose_timeout(self, event: Json, content: Json) -> float:
        """Return the seconds for a reply: those that an event for a tool names, between one minute and four."""
        kind = event.get("type")
        is_for_tool = kind == "confirmation" and content.get("tool_call")
        if kind not in ("request:user_input", "request:elicitation") and not is_for_tool:
            return self._timeout
        milliseconds = content.get("timeout_ms", _DEFAULT_MILLISECONDS)
        if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
            milliseconds = _DEFAULT_MILLISECONDS
        return min(max(milliseconds / 1000, _SHORTEST), _LONGEST, self._timeout)

    async def _ask(self, question: _Question) -> Any:
        while True:
            reply = await self._ask_socket(question)
            if reply is not None:
                return reply.value
            log.warning("socket %s has disconnected before it replied", question.session_id)
            question.gone_ids.add(question.session_id)
            if not question.returns or not await self._find_next_session(question):
                return _DISCONNECTED

    async def _ask_socket(self, question: _Question) -> _Reply | None:
        """Return the reply of a socket; None where it has disconnected."""
        node_id = self._find_other_node(question.session_id)
        if node_id is None:
            return await self._ask_own_socket(question.session_id, question.user_id, question.data)
        argument = msgspec.json.encode([question.session_id, question.user_id, question.data])
        try:
            content: bytes | None = await self._calls.call(node_id, _METHOD, argument, seconds=None)
        except CallFailed as error:
            log.info("asking socket %s failed: %s", question.session_id, error)
            return None
        return None if content is None else _Reply(await decode_body(content))

    async def _answer_call(self, argument: bytes) -> bytes | None:
        """Ask a socket for another process; a reply may have megabytes."""
        session_id, user_id, data = msgspec.json.decode(argument, type=tuple[str, str, Json])
        reply = await self._ask_own_socket(session_id, user_id, data)
        if reply is None:
            return None
        slices = await encode_in_slices(reply.value)
        return await asyncio.to_thread(b"".join, slices)

    async def _ask_own_socket(self, session_id: str, user_id: str, data: Json) -> _Reply | None:
        if not self._is_open(session_id, user_id):
            return None
        call = asyncio.ensure_future(self._server.io.call("events", data, to=session_id, timeout=None))
        try:
            while not call.done() and self._is_open(session_id, user_id):
                await asyncio.wait({call}, timeout=_CHECK_SECONDS)
            return _Reply(call.result()) if call.done() else None
        finally:
            call.cancel()

    def _find_other_node(self, session_id: str) -> str | None:
        return self._nodes.find_by_socket(session_id) if self._nodes.are_several else None

    async def _find_next_session(self, question: _Question) -> bool:
        """Wait until another socket of the user has the chat open, for some time; return whether one has."""
        deadline = asyncio.get_running_loop().time() + RETURN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            for session_id in self._sessions.list_user_viewers(question.data["chat_id"], question.user_id):
                if session_id not in question.gone_ids:
                    question.session_id = session_id
                    return True
            await asyncio.sleep(_CHECK_SECONDS)
        return False

    def _is_open(self, session_id: str, user_id: str) -> bool:
        session = self._sessions.get(session_id)
        return session is not None and session.user.id == user_id


def _get_object(value: Json, name: str) -> Json:
    part = value.get(name)
    return part if isinstance(part, dict) else {}


class _Reply(NamedTuple):
    """What a page has replied: any JSON value."""

    value: Any


class _Question:
    """A question under way; `session_id` is the socket that shows it, and `returns` whether another may follow it."""

    def __init__(self, data: Json, user_id: str, session_id: str, *, returns: bool) -> None:
        self.data = data
        self.user_id = user_id
        self.session_id = session_id
        self.returns = returns
        #: The sockets that have disconnected without a reply.
        self.gone_ids: set[str] = set()
