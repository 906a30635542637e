"""SQL of the operations after an answer: the chat's owner, and the action that is asked for.

The tables belong to `features/chats` and `features/functions`.
"""

from __future__ import annotations

import msgspec

from fastback.kit.db import Executor

FIND_CHAT_OWNER = "SELECT user_id FROM chat WHERE id = :id"
FIND_FUNCTION = "SELECT type, COALESCE(is_active, FALSE) FROM function WHERE id = :id"


class Function(msgspec.Struct):
    type: str
    is_active: bool


async def find_chat_owner_id(db: Executor, chat_id: str) -> str | None:
    """Return the id of a chat's owner; None where there is no such chat."""
    owner_id: str | None = await db.fetch_value("after.owner", FIND_CHAT_OWNER, id=chat_id)
    return owner_id


async def find_function(db: Executor, function_id: str) -> Function | None:
    """Return a function's type, and whether it is switched on."""
    return await db.fetch_first(Function, "after.action", FIND_FUNCTION, id=function_id)
