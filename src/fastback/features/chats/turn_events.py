"""Events of a turn for the users who have its chat open; `fastback.realtime.outgoing` sends them to their sockets."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

#: The types of socket messages that other users who have the chat open receive unchanged.
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
    """A socket message of a turn: `data` is `{"type": …, "data": …}` as the page expects it.

    The sessions of the user who started the turn receive `data`. Others who have the chat open, except the session that
    started it, receive `shared` if it is not None.
    """

    user_id: str
    chat_id: str
    message_id: str | None
    data: dict[str, Any]
    session_id: str | None = None
    shared: dict[str, Any] | None = None
    #: Send to the other users only.
    only_shared: bool = False
    #: Whether the turn itself says this; false for what plugins and clients say of a message.
    is_of_turn: bool = True
    #: Whether `shared` is the whole answer so far: a page that has not read an earlier one need not read that.
    is_snapshot: bool = False


class ChatWatchers(Protocol):
    """The sockets that have a chat open, in any process; `fastback.realtime.presence` knows them."""

    def has_others(self, chat_id: str, session_id: str | None) -> bool:
        """Return whether a socket other than `session_id` has the chat open."""
        ...

    async def find_user_id(self, session_id: str) -> str | None:
        """Return the id of the user who signed in on a socket."""
        ...
