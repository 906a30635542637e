"""The search of messages: SQL that looks through the messages of some channels, newest first. Times in nanoseconds."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from fastback.kit.db import Database
from fastback.records.listing import escape_like

Sharing = Literal["all", "mine", "shared"]

#: Words of a search; further ones are ignored.
MAX_TERMS = 12
#: By whose messages are searched: a condition on the author.
_SHARING: dict[Sharing, str] = {
    "all": "TRUE",
    "mine": "m.user_id = :user_id",
    "shared": "m.user_id <> :user_id",
}

LIST_PARTICIPANTS = """
    SELECT DISTINCT m.channel_id, u.name, u.id FROM channel_member m JOIN "user" u ON u.id = m.user_id
    WHERE m.channel_id = ANY(:ids) AND u.id <> :user_id ORDER BY u.name, u.id"""


class MatchingMessage(msgspec.Struct):
    """A message that contains every word of a search."""

    id: str
    channel_id: str
    parent_id: str | None
    content: str
    created_at: int
    updated_at: int
    user_name: str | None


class _Participant(msgspec.Struct):
    channel_id: str
    name: str
    user_id: str


@lru_cache(maxsize=64)  # the number of words differs from request to request
def _build_search(term_count: int, sharing: Sharing, by_creation: bool) -> str:
    conditions = ["m.channel_id = ANY(:ids)", _SHARING[sharing]]
    conditions += [f"lower(m.content) LIKE lower(:term{number}) ESCAPE '\\'" for number in range(term_count)]
    if by_creation:
        conditions.append("m.created_at BETWEEN :since AND :until")
    # Without the seconds of the last change only: messages of one second are in the order of their ids.
    order = "m.created_at DESC, m.id" if by_creation else "m.updated_at / 1000000000 DESC, m.id"
    return f"""SELECT m.id, m.channel_id, m.parent_id, m.content, m.created_at, m.updated_at, u.name
        FROM (SELECT m.id, m.created_at, m.updated_at FROM message m WHERE {" AND ".join(conditions)}
            ORDER BY {order} LIMIT :limit) p
        JOIN message m ON m.id = p.id LEFT JOIN "user" u ON u.id = m.user_id ORDER BY {order}"""


def build_terms(query: str) -> list[str]:
    """Return the words of a query, each once."""
    return list(dict.fromkeys(query.lower().split()))[:MAX_TERMS]


async def search_messages(
    db: Database,
    channel_ids: list[str],
    terms: list[str],
    *,
    user_id: str,
    sharing: Sharing,
    limit: int,
    created: tuple[int, int] | None = None,
) -> list[MatchingMessage]:
    """Return messages that contain every text of `terms`, last changed first.

    With `created`, only those that were created between two times, and last created first.
    """
    params: dict[str, object] = {f"term{number}": f"%{escape_like(term)}%" for number, term in enumerate(terms)}
    if sharing != "all":
        params["user_id"] = user_id
    if created is not None:
        params |= {"since": created[0], "until": created[1]}
    # In a thread: every message may be looked at.
    return await db.fetch_all_in_thread(
        MatchingMessage,
        "channel_messages.search",
        _build_search(len(terms), sharing, created is not None),
        ids=channel_ids,
        limit=limit,
        **params,
    )


async def list_participants(db: Database, channel_ids: list[str], user_id: str) -> dict[str, list[str]]:
    """Return the names of the users in some channels beside one user, by channel."""
    names: dict[str, list[str]] = {channel_id: [] for channel_id in channel_ids}
    rows = await db.fetch_all(
        _Participant, "channels.list_participants", LIST_PARTICIPANTS, ids=channel_ids, user_id=user_id
    )
    for row in rows:
        names[row.channel_id].append(row.name)
    return names
