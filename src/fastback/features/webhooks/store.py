"""SQL that the delivery of events needs: actors, the model of a chat's answer, groups of the users concerned."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fastback.access.identity import User
from fastback.kit.db import Executor

FIND_ACTOR = 'SELECT id, email, name, role FROM "user" WHERE id = :id'

FIND_ANSWER_MODEL = "SELECT model_id FROM chat_message WHERE id = :id"

#: The groups of some users, with all their ancestors.
LIST_GROUP_IDS = """
    WITH RECURSIVE up(id) AS (
        SELECT group_id FROM group_member WHERE user_id = ANY(:user_ids)
        UNION
        SELECT g.parent_group_id FROM "group" g JOIN up ON g.id = up.id WHERE g.parent_group_id IS NOT NULL
    )
    SELECT id FROM up"""


class AnswerModel(msgspec.Struct):
    """The model that wrote an answer."""

    model_id: str | None


async def find_actor(db: Executor, user_id: str) -> User | None:
    """Return a user as the actor of an event, or None."""
    return await db.fetch_first(User, "webhooks.find_actor", FIND_ACTOR, id=user_id)


async def find_answer_model(db: Executor, chat_id: str, message_id: str | None) -> AnswerModel | None:
    """Return the model of a stored message; None for a message of a temporary chat, which has no row."""
    return await db.fetch_first(
        AnswerModel, "webhooks.find_answer_model", FIND_ANSWER_MODEL, id=f"{chat_id}-{message_id}"
    )


async def list_group_ids(db: Executor, user_ids: Iterable[str]) -> list[str]:
    """Return the ids of all groups that these users belong to, directly or through a child group."""
    return await db.fetch_all(str, "webhooks.list_group_ids", LIST_GROUP_IDS, user_ids=list(user_ids))
