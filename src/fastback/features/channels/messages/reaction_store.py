"""Rows of `message_reaction`: an emoji with which a user reacted to a message."""

from __future__ import annotations

import uuid

import msgspec

from fastback.features.channels.messages.responses import Reaction, Reactor
from fastback.kit.clock import clock
from fastback.kit.db import Executor

LIST_REACTIONS = """
    SELECT r.message_id, r.name, u.id, u.name FROM message_reaction r JOIN "user" u ON u.id = r.user_id
    WHERE r.message_id = ANY(:ids) ORDER BY r.created_at, r.id"""
LIST_NAMES_OF_USER = "SELECT name FROM message_reaction WHERE message_id = :message_id AND user_id = :user_id"
#: Two requests with the same reaction come one after the other.
LOCK_MESSAGE = {
    "sqlite": "SELECT 1 FROM message WHERE id = :id",
    "postgres": "SELECT 1 FROM message WHERE id = :id FOR UPDATE",
}
INSERT_REACTION = """
    INSERT INTO message_reaction (id, user_id, message_id, name, created_at)
    VALUES (:id, :user_id, :message_id, :name, :now)"""
DELETE_REACTION = """
    DELETE FROM message_reaction WHERE message_id = :message_id AND user_id = :user_id AND name = :name"""


class _ReactionRow(msgspec.Struct):
    message_id: str
    name: str
    user_id: str
    user_name: str


async def list_reactions(db: Executor, message_ids: list[str]) -> dict[str, list[Reaction]]:
    """Return the reactions to messages, first given first; messages without reactions are absent."""
    reactions: dict[str, dict[str, Reaction]] = {}
    for row in await db.fetch_all(_ReactionRow, "channel_messages.list_reactions", LIST_REACTIONS, ids=message_ids):
        reaction = reactions.setdefault(row.message_id, {}).setdefault(row.name, Reaction(row.name, [], 0))
        reaction.users.append(Reactor(row.user_id, row.user_name))
        reaction.count += 1
    return {message_id: list(by_name.values()) for message_id, by_name in reactions.items()}


async def list_names_of_user(tx: Executor, message_id: str, user_id: str) -> list[str]:
    """Return the names of a user's reactions to a message; no other transaction adds one before this one ends."""
    await tx.fetch_value("channel_messages.lock_reactions", LOCK_MESSAGE[tx.dialect], id=message_id)
    return await tx.fetch_all(
        str, "channel_messages.list_reaction_names", LIST_NAMES_OF_USER, message_id=message_id, user_id=user_id
    )


async def insert_reaction(tx: Executor, message_id: str, user_id: str, name: str) -> None:
    """Insert a reaction."""
    await tx.execute(
        "channel_messages.insert_reaction",
        INSERT_REACTION,
        id=str(uuid.uuid4()),
        user_id=user_id,
        message_id=message_id,
        name=name,
        now=clock.time_ns(),
    )


async def delete_reaction(db: Executor, message_id: str, user_id: str, name: str) -> None:
    """Delete a reaction of a user, if there is one."""
    await db.execute(
        "channel_messages.delete_reaction", DELETE_REACTION, message_id=message_id, user_id=user_id, name=name
    )
