"""The members of a channel who may be notified of its messages."""

from __future__ import annotations

import msgspec

from fastback.kit.db import Database

#: Members with settings. `:pattern` is what the settings of subscribers contain, or matches all.
LIST_RECIPIENTS = """
    SELECT u.id, MIN(CASE WHEN m.is_channel_muted = TRUE THEN 1 ELSE 0 END)
    FROM channel_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.channel_id = :channel_id AND u.role <> 'pending' AND u.settings IS NOT NULL
        AND CAST(u.settings AS TEXT) NOT IN ('null', '{}') AND CAST(u.settings AS TEXT) LIKE :pattern
    GROUP BY u.id"""


class _RecipientRow(msgspec.Struct):
    user_id: str
    muted: int


class Recipient(msgspec.Struct):
    """A member, and whether they have muted the channel."""

    user_id: str
    is_muted: bool


async def list_recipients(db: Database, channel_id: str, *, subscribed: bool) -> list[Recipient]:
    """Return the members with settings; with `subscribed`, those whose targets may want messages of channels."""
    # In a thread: the settings of every member are searched.
    rows = await db.fetch_all_in_thread(
        _RecipientRow,
        "channels.list_recipients",
        LIST_RECIPIENTS,
        channel_id=channel_id,
        pattern="%channel.message%" if subscribed else "%",
    )
    return [Recipient(row.user_id, bool(row.muted)) for row in rows]
