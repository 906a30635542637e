"""What prompts may say about the user who sends them: the profile, and the names of the groups."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

from fastback.kit.db import Executor

FIND_PROFILE = 'SELECT bio, gender, date_of_birth, info, variables FROM "user" WHERE id = :user_id'
LIST_GROUP_NAMES = """SELECT g.name FROM "group" g JOIN group_member m ON m.group_id = g.id
    WHERE m.user_id = :user_id ORDER BY g.updated_at DESC, g.id"""


class Profile(msgspec.Struct):
    """The fields of a user that prompts can use."""

    bio: str | None
    gender: str | None
    date_of_birth: datetime.date | None
    info: dict[str, Any] | None
    variables: dict[str, Any] | None


async def find_profile(db: Executor, user_id: str) -> Profile | None:
    """Return the profile of a user, or None if there is no such user."""
    return await db.fetch_first(Profile, "prompts.profile", FIND_PROFILE, user_id=user_id)


async def list_group_names(db: Executor, user_id: str) -> list[str]:
    """Return the names of a user's groups, the most recently changed first."""
    return await db.fetch_all(str, "prompts.groups", LIST_GROUP_NAMES, user_id=user_id)
