"""Events about channels. Those for the sockets of pages are sent by `fastback.realtime.channel_rooms`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fastback.features.channels.messages.app_message_store import MessageHead
from fastback.features.channels.messages.responses import FullMessage
from fastback.features.channels.store import Channel
from fastback.providers.request_context import RequestContext


class RoomMessage(msgspec.Struct, frozen=True):
    """A socket message for every page that has joined a channel.

    Attributes:
        replaces: messages with the same key take each other's place while a page has not read them.
    """

    channel_id: str
    data: dict[str, Any]
    replaces: str | None = None


class PersonalMessage(msgspec.Struct, frozen=True):
    """A socket message about channels, or about apps in them, for every page of some users; `event` is its name."""

    user_ids: tuple[str, ...]
    data: dict[str, Any]
    event: str = "events:channel"


class MembersEntered(msgspec.Struct, frozen=True):
    """Users were added to a channel: their pages join its room."""

    channel_id: str
    user_ids: tuple[str, ...]


class MembersLeft(msgspec.Struct, frozen=True):
    """Users were removed from a channel: their pages leave its room."""

    channel_id: str
    user_ids: tuple[str, ...]


class ChannelDeleted(msgspec.Struct, frozen=True):
    """A channel was deleted."""

    channel_id: str


class ChannelAccessChanged(msgspec.Struct, frozen=True):
    """A channel, its members or their activity is about to change: an encrypted conversation in it ends."""

    channel_id: str


class MessagePosted(msgspec.Struct, frozen=True):
    """A user posted a message: models and apps that it mentions answer, and absent members are notified.

    `ctx` is the context of the user's request.
    """

    channel: Channel
    message: FullMessage
    ctx: RequestContext


class MessageWritten(msgspec.Struct, frozen=True):
    """A message was `created`, `updated` or `deleted` (`change`); for apps in the channel."""

    change: Literal["created", "updated", "deleted"]
    message: FullMessage


class RepliesDeleted(msgspec.Struct, frozen=True):
    """A message was deleted with the replies in its thread; for apps in the channel."""

    channel_id: str
    replies: list[MessageHead]
