"""The search of messages in the channels that a user may read, for the page and for tools of models."""

from __future__ import annotations

import msgspec

from fastback.access.identity import User
from fastback.features.channels import store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.messages import search_store
from fastback.features.channels.messages.search_store import MatchingMessage, Sharing
from fastback.kit.db import Database

#: A time after that of all messages.
_END_OF_TIME = 2**63 - 1


class SearchedChannel(msgspec.Struct):
    """A channel that a user may read; `name` is that of its other members where it has none."""

    id: str
    name: str
    type: str | None


class MessageSearch:
    """Search messages."""

    def __init__(self, db: Database, access: ChannelAccess) -> None:
        self._db = db
        self._access = access

    async def may_search(self, user: User) -> bool:
        """Return whether a user may use channels."""
        return await self._access.may_use(user)

    async def list_channels(self, user: User) -> list[SearchedChannel]:
        """Return the channels that a user may read."""
        rows = await store.list_readable_names(self._db, user.id, await self._access.list_group_ids(user))
        nameless = [row.id for row in rows if row.type == "dm" and not row.name]
        names = await search_store.list_participants(self._db, nameless, user.id) if nameless else {}
        channels = [SearchedChannel(row.id, row.name, row.type) for row in rows]
        for channel in channels:
            if channel.id in names:
                channel.name = ", ".join(names[channel.id]) or user.name
        return channels

    async def search_words(
        self, user: User, channel_ids: list[str], query: str, *, sharing: Sharing, limit: int
    ) -> list[MatchingMessage]:
        """Return messages that contain every word of a query, last changed first."""
        if not channel_ids:
            return []
        terms = search_store.build_terms(query)
        return await search_store.search_messages(
            self._db, channel_ids, terms, user_id=user.id, sharing=sharing, limit=limit
        )

    async def search_phrase(
        self, user: User, channel_ids: list[str], phrase: str, *, since: int | None, until: int | None, limit: int
    ) -> list[MatchingMessage]:
        """Return messages that contain a phrase, last created first; the bounds are in nanoseconds."""
        if not channel_ids:
            return []
        return await search_store.search_messages(
            self._db,
            channel_ids,
            [phrase],
            user_id=user.id,
            sharing="all",
            limit=limit,
            created=(since or 0, until if until is not None else _END_OF_TIME),
        )
