"""Messages of channels as responses and socket messages show them."""

from __future__ import annotations

from typing import Any

import msgspec


class Author(msgspec.Struct):
    """Who wrote a message: a user, a webhook (role `webhook`) or an app (role `app`)."""

    id: str
    name: str
    role: str


class Reactor(msgspec.Struct):
    """A user who reacted to a message."""

    id: str
    name: str


class Reaction(msgspec.Struct):
    """An emoji, and the users who reacted with it."""

    name: str
    users: list[Reactor]
    count: int


class MessageFields(msgspec.Struct):
    """The columns of a message. `data` is an object, or in lists a flag that says whether there is any."""

    id: str
    user_id: str | None
    app_id: str | None
    channel_id: str | None
    reply_to_id: str | None
    parent_id: str | None
    is_pinned: bool
    pinned_by: str | None
    pinned_at: int | None
    content: str
    data: Any
    meta: msgspec.Raw
    created_at: int
    updated_at: int


class PlainMessage(MessageFields):
    """A message alone."""

    etag: str


class QuotedMessage(MessageFields):
    """A message that another one replies to."""

    user: Author | None
    etag: str


class PinnedMessage(MessageFields):
    """A pinned message."""

    user: Author | None
    reactions: list[Reaction]
    etag: str


class FullMessage(MessageFields):
    """A message with its author, the message that it replies to, its thread in figures, and reactions."""

    user: Author | None
    reply_to_message: QuotedMessage | None
    latest_reply_at: int | None
    reply_count: int
    reactions: list[Reaction]
    etag: str
