"""The signed-in sockets of this process, the chats that they have open, and the models that they use.

Of the sockets of other processes it is known which chats they have open.
"""

from __future__ import annotations

import time
from collections.abc import Collection

import msgspec

from fastback.access.identity import User
from fastback.kit.cluster.node_table import NodeTable
from fastback.kit.tasks import Tasks

#: Seconds after a page's last report of a model during which the model counts as in use.
MODEL_USE_SECONDS = 3
#: Characters of the id of a model that a page reports.
_MAX_MODEL_ID = 1000


class SocketSession(msgspec.Struct):
    """A socket on which a user has signed in, with the token and the chats that are open."""

    user: User
    token: str
    chat_ids: set[str]


class _Viewer(msgspec.Struct, array_like=True):
    """A socket that has a chat open, and its user."""

    sid: str
    user_id: str
    user_name: str


class SocketSessions:
    """Sockets by their Socket.IO id (`sid`)."""

    def __init__(self, tasks: Tasks, open_chats: NodeTable | None = None) -> None:
        """`open_chats`: the sockets of all processes by chat, if there are several processes."""
        self._tasks = tasks
        self.open_chats = open_chats
        self._by_sid: dict[str, SocketSession] = {}
        self._sids_by_user: dict[str, set[str]] = {}
        self._sids_by_chat: dict[str, set[str]] = {}
        #: By model: when each socket last reported that it uses the model.
        self._model_uses: dict[str, dict[str, float]] = {}
        self._uses_pruned_at = 0.0

    def __len__(self) -> int:
        return len(self._by_sid)

    def add(self, sid: str, user: User, token: str) -> SocketSession:
        """Add a socket, or replace the user of one that signs in again; its chats stay open."""
        existing = self._by_sid.get(sid)
        session = SocketSession(user, token, existing.chat_ids if existing else set())
        if existing is not None:
            _discard(self._sids_by_user, existing.user.id, sid)
        self._by_sid[sid] = session
        self._sids_by_user.setdefault(user.id, set()).add(sid)
        return session

    def get(self, sid: str) -> SocketSession | None:
        """Return the session of a socket; None where no user has signed in."""
        return self._by_sid.get(sid)

    def remove(self, sid: str) -> SocketSession | None:
        """Remove a socket and return its session."""
        for model_id, sids in list(self._model_uses.items()):
            sids.pop(sid, None)
            if not sids:
                del self._model_uses[model_id]
        session = self._by_sid.pop(sid, None)
        if session is not None:
            _discard(self._sids_by_user, session.user.id, sid)
            for chat_id in session.chat_ids:
                self._remove_from_chat(sid, chat_id)
        return session

    def list_open_chat_ids(self) -> list[str]:
        """List the chats that at least one socket has open."""
        return list(self._sids_by_chat)

    def list_chat_socket_ids(self, chat_id: str) -> Collection[str]:
        """List the sockets that have a chat open."""
        return self._sids_by_chat.get(chat_id, ())

    def open_chat(self, sid: str, chat_id: str) -> None:
        """Note that a socket has a chat open; a socket without a session is ignored."""
        session = self._by_sid.get(sid)
        if session is not None:
            session.chat_ids.add(chat_id)
            self._sids_by_chat.setdefault(chat_id, set()).add(sid)
            if self.open_chats is not None:
                value = msgspec.json.encode(_Viewer(sid, session.user.id, session.user.name)).decode()
                self._tasks.run_in_background(self.open_chats.put(f"{chat_id} {sid}", chat_id, value))

    def close_chat(self, sid: str, chat_id: str) -> None:
        """Note that a socket no longer has a chat open."""
        session = self._by_sid.get(sid)
        if session is not None:
            session.chat_ids.discard(chat_id)
        self._remove_from_chat(sid, chat_id)

    def _remove_from_chat(self, sid: str, chat_id: str) -> None:
        if _discard(self._sids_by_chat, chat_id, sid) and self.open_chats is not None:
            self._tasks.run_in_background(self.open_chats.remove(f"{chat_id} {sid}"))

    def list_socket_ids(self) -> list[str]:
        """List the sockets of all users."""
        return list(self._by_sid)

    def list_user_socket_ids(self, user_id: str) -> list[str]:
        """List the sockets of a user."""
        return list(self._sids_by_user.get(user_id, ()))

    def list_chat_users(self, chat_id: str) -> list[dict[str, str]]:
        """List the users who have a chat open as `{id, name}`, each once, in the order of their ids."""
        users = {viewer.user_id: viewer.user_name for viewer in self._list_other_viewers(chat_id)}
        users |= {self._by_sid[sid].user.id: self._by_sid[sid].user.name for sid in self.list_chat_socket_ids(chat_id)}
        return [{"id": user_id, "name": users[user_id]} for user_id in sorted(users)]

    def _list_other_viewers(self, chat_id: str) -> list[_Viewer]:
        """List the sockets of other processes that have a chat open."""
        entries = self.open_chats.list_group(chat_id) if self.open_chats is not None else []
        return [msgspec.json.decode(entry.value, type=_Viewer) for entry in entries]

    def has_other_viewers(self, chat_id: str, sid: str | None) -> bool:
        """Return whether a socket of any process but `sid` has a chat open."""
        if any(other_sid != sid for other_sid in self.list_chat_socket_ids(chat_id)):
            return True
        if self.open_chats is None or not self.open_chats.has_group(chat_id):
            return False
        return any(entry.key != f"{chat_id} {sid}" for entry in self.open_chats.list_group(chat_id))

    def list_user_viewers(self, chat_id: str, user_id: str) -> list[str]:
        """List the sockets of a user, of any process, that have a chat open; those of this process come first."""
        sids = [sid for sid in self.list_chat_socket_ids(chat_id) if self._by_sid[sid].user.id == user_id]
        others = self._list_other_viewers(chat_id)
        return [*sids, *(viewer.sid for viewer in others if viewer.user_id == user_id)]

    def record_model_use(self, sid: str, model_id: str) -> bool:
        """Note that a page waits for an answer of a model now; return False for an id that is too long."""
        if len(model_id) > _MAX_MODEL_ID:
            return False
        now = time.time()
        if abs(now - self._uses_pruned_at) > MODEL_USE_SECONDS:
            # A page may name any model: what it has named before is not kept until it disconnects.
            self._prune_model_uses(now)
        self._model_uses.setdefault(model_id, {})[sid] = now
        return True

    def _prune_model_uses(self, now: float) -> None:
        """Drop what no page has reported within the last seconds."""
        self._uses_pruned_at, since = now, now - MODEL_USE_SECONDS
        recent = {
            model_id: {sid: at for sid, at in uses.items() if at >= since}
            for model_id, uses in self._model_uses.items()
        }
        self._model_uses = {model_id: uses for model_id, uses in recent.items() if uses}

    def list_models_in_use(self) -> list[str]:
        """List the models that a page reported within the last seconds."""
        since = time.time() - MODEL_USE_SECONDS
        return [model_id for model_id, uses in self._model_uses.items() if any(at >= since for at in uses.values())]


def _discard(sids: dict[str, set[str]], name: str, sid: str) -> bool:
    """Remove a socket from the set of a name; return whether it was in it. Empty sets are dropped."""
    members = sids.get(name)
    if members is None or sid not in members:
        return False
    members.remove(sid)
    if not members:
        del sids[name]
    return True
