"""Who has which chat open, as chat turns ask for it: a view of the sockets of this process."""

from __future__ import annotations

from fastback.realtime.sessions import SocketSessions


class Presence:
    """See `fastback.features.chats.turn_events.ChatWatchers`.

    With `spans_processes` rooms have sockets of other processes too, which this process does not know: any chat may
    have other watchers.
    """

    def __init__(self, sessions: SocketSessions, *, spans_processes: bool) -> None:
        self._sessions = sessions
        self._spans_processes = spans_processes

    def has_others(self, chat_id: str, session_id: str | None) -> bool:
        """Return whether a socket other than `session_id` has the chat open."""
        if self._spans_processes:
            return True
        return any(sid != session_id for sid in self._sessions.list_chat_socket_ids(chat_id))

    def find_user_id(self, session_id: str) -> str | None:
        """Return the id of the user who signed in on a socket."""
        session = self._sessions.get(session_id)
        return session.user.id if session is not None else None
