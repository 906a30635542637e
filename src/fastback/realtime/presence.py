"""Who has which chat open, as chat turns ask for it, and which models are in use: in any process."""

from __future__ import annotations

import time

from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster import Cluster
from fastback.kit.cluster.node_calls import CallFailed, NodeCalls
from fastback.realtime.sessions import MODEL_USE_SECONDS, SocketSessions

#: The method that returns the user of a socket, and the seconds in which it replies.
_FIND_METHOD, _FIND_SECONDS = "sockets.find_user", 2.0
#: The cluster's table of models in use.
_MODELS = "models-in-use"
#: Seconds between two reports of the same model to the other processes.
_REPORT_SECONDS = 1.0


class Presence:
    """See `fastback.features.chats.turn_events.ChatWatchers`."""

    def __init__(self, *, sessions: SocketSessions, nodes: Nodes, calls: NodeCalls) -> None:
        self._sessions = sessions
        self._nodes = nodes
        self._calls = calls
        calls.add(_FIND_METHOD, self._find_own_user_id)

    def has_others(self, chat_id: str, session_id: str | None) -> bool:
        """Return whether a socket other than `session_id` has the chat open."""
        return self._sessions.has_other_viewers(chat_id, session_id)

    async def find_user_id(self, session_id: str) -> str | None:
        """Return the id of the user who signed in on a socket."""
        node_id = self._nodes.find_by_socket(session_id) if self._nodes.are_several else None
        if node_id is None:
            return await self._find_own_user_id(session_id)
        try:
            user_id: str | None = await self._calls.call(node_id, _FIND_METHOD, session_id, seconds=_FIND_SECONDS)
        except CallFailed:
            return None
        return user_id

    async def _find_own_user_id(self, session_id: str) -> str | None:
        session = self._sessions.get(session_id)
        return session.user.id if session is not None else None


class ModelUses:
    """See `fastback.features.server.active_models.ActiveModels`."""

    def __init__(self, sessions: SocketSessions, cluster: Cluster, nodes: Nodes) -> None:
        self._sessions = sessions
        self._cluster = cluster
        self._is_shared = nodes.are_several
        self._reported: dict[str, float] = {}

    async def record(self, sid: str, model_id: str) -> None:
        """Note that a page waits for an answer of a model now."""
        if not self._sessions.record_model_use(sid, model_id):
            return
        now = time.monotonic()
        if self._is_shared and now - self._reported.get(model_id, -1e9) >= _REPORT_SECONDS:
            self._reported = {name: at for name, at in self._reported.items() if now - at < _REPORT_SECONDS}
            self._reported[model_id] = now
            await self._cluster.put_entry(_MODELS, model_id, b"", expires_in=MODEL_USE_SECONDS)

    async def list_models_in_use(self) -> list[str]:
        """List the models that a page reported within the last seconds."""
        model_ids = self._sessions.list_models_in_use()
        if not self._is_shared:
            return model_ids
        return list(dict.fromkeys([*model_ids, *await self._cluster.list_entries(_MODELS)]))
