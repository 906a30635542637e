"""What a turn tells the people who watch its chat; `fastback.realtime.chat_rooms` sends it."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

#: Events that others who have the chat open see as they are.
SHARED = frozenset(
    {
        "chat:messages",
        "chat:active",
        "status",
        "source",
        "citation",
        "files",
        "embeds",
        "chat:message:error",
        "chat:tasks:cancel",
        "chat:message:follow_ups",
    }
)


class TurnEvent(msgspec.Struct, frozen=True):
    """One event of a turn: `data` is `{"type": …, "data": …}` as the page expects it.

    It goes to the asker's own sessions; with `shared` also to everybody else who has the chat open, except the
    session that asked.
    """

    user_id: str
    chat_id: str
    message_id: str | None
    data: dict[str, Any]
    session_id: str | None = None
    shared: dict[str, Any] | None = None
    #: The asker's sessions do not get it: only the others who have the chat open.
    only_shared: bool = False


class ChatWatchers(Protocol):
    """The sockets that have a chat open; `fastback.realtime.presence` knows them."""

    def has_others(self, chat_id: str, session_id: str | None) -> bool:
        """Return whether a socket other than `session_id` has the chat open."""
        ...

    def find_user_id(self, session_id: str) -> str | None:
        """Return the id of the user who signed in on a socket."""
        ...
