"""Requests about messages of channels."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

#: Characters of a message that a client writes.
MAX_CONTENT = 100_000
#: Reactions of one user to one message.
MAX_REACTIONS = 100

Content = Annotated[str, msgspec.Meta(max_length=MAX_CONTENT)]
_Id = Annotated[str, msgspec.Meta(max_length=1000)]


class MessageForm(msgspec.Struct, kw_only=True):
    """A new or changed message. `temp_id` is what the page calls it until it is stored; `meta` is ignored."""

    temp_id: _Id | None = None
    content: Content
    reply_to_id: _Id | None = None
    parent_id: _Id | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class PinForm(msgspec.Struct):
    """Whether a message is pinned."""

    is_pinned: bool


class ReactionForm(msgspec.Struct):
    """The name of an emoji."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
