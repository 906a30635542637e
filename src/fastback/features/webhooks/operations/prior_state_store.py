"""SQL that reads state before an operation changes or deletes it, for the event that follows the operation."""

from __future__ import annotations

import msgspec

from fastback.features.chats.fragments import DOCUMENT
from fastback.kit.db import Database, Executor
from fastback.kit.db.large_column import fetch_row

FIND_CHAT_OWNER = "SELECT user_id FROM chat WHERE id = :id"
FIND_CHAT_TITLE = "SELECT title FROM chat WHERE id = :id"
FIND_CHAT_META = "SELECT meta FROM chat WHERE id = :id"
FIND_SHARE_ID = "SELECT share_id FROM chat WHERE id = :id"
LIST_SHARED_CHATS = "SELECT chat_id FROM shared_chat WHERE user_id = :user_id"

LIST_FOLDER_TREE = """
    WITH RECURSIVE below(id) AS (
        SELECT id FROM folder WHERE id = :id
        UNION
        SELECT f.id FROM folder f JOIN below ON f.parent_id = below.id
    ) SELECT id FROM below"""

FIND_ROLE = 'SELECT role FROM "user" WHERE id = :id'
LIST_EXISTING_USERS = 'SELECT id FROM "user" WHERE id = ANY(:ids)'

FIND_PARENT_GROUP = 'SELECT parent_group_id FROM "group" WHERE id = :id'
LIST_GROUP_RELATIONS = """
    SELECT g.parent_group_id, c.id FROM "group" g LEFT JOIN "group" c ON c.parent_group_id = g.id
    WHERE g.id = :id ORDER BY c.id"""

FIND_PROMPT = "SELECT name, command FROM prompt WHERE id = :id"
FIND_TOOL_NAME = "SELECT name FROM tool WHERE id = :id"
FIND_SKILL_NAME = "SELECT name FROM skill WHERE id = :id"
FIND_MODEL_NAME = "SELECT name FROM model WHERE id = :id"


class ChatMeta(msgspec.Struct):
    """The `meta` of a chat, as JSON."""

    meta: msgspec.Raw


class ParentGroup(msgspec.Struct):
    """The parent of a group."""

    parent_group_id: str | None


class GroupRelation(msgspec.Struct):
    """The parent of a group, and one of its children or None."""

    parent_id: str | None
    child_id: str | None


class PromptName(msgspec.Struct):
    """Name and command of a prompt."""

    name: str
    command: str


async def find_chat_owner(db: Executor, chat_id: str) -> str | None:
    """Return the owner's id of a chat, or None."""
    return await db.fetch_first(str, "webhooks.prior_chat_owner", FIND_CHAT_OWNER, id=chat_id)


async def find_chat_title(db: Executor, chat_id: str) -> str | None:
    """Return the title of a chat, or None."""
    return await db.fetch_first(str, "webhooks.prior_chat_title", FIND_CHAT_TITLE, id=chat_id)


async def find_chat_meta(db: Database, chat_id: str) -> ChatMeta | None:
    """Return the metadata of a chat, or None."""
    return await fetch_row(db, DOCUMENT, ChatMeta, "webhooks.prior_chat_meta", FIND_CHAT_META, id=chat_id)


async def find_share_id(db: Database, chat_id: str) -> str | None:
    """Return the id under which a chat is shared, or None."""
    return await fetch_row(db, DOCUMENT, str, "webhooks.prior_share_id", FIND_SHARE_ID, id=chat_id)


async def list_shared_chats(db: Executor, user_id: str) -> list[str]:
    """Return the ids of the chats that a user has shared."""
    return await db.fetch_all(str, "webhooks.prior_shared_chats", LIST_SHARED_CHATS, user_id=user_id)


async def list_folder_tree(db: Executor, folder_id: str) -> list[str]:
    """Return the ids of a folder and all folders below it."""
    return await db.fetch_all(str, "webhooks.prior_folder_tree", LIST_FOLDER_TREE, id=folder_id)


async def find_role(db: Executor, user_id: str) -> str | None:
    """Return the role of a user, or None."""
    return await db.fetch_first(str, "webhooks.prior_role", FIND_ROLE, id=user_id)


async def list_existing_users(db: Executor, user_ids: list[str]) -> list[str]:
    """Return those of the ids that belong to a user."""
    return await db.fetch_all(str, "webhooks.prior_users", LIST_EXISTING_USERS, ids=user_ids)


async def find_parent_group(db: Executor, group_id: str) -> ParentGroup | None:
    """Return the parent of a group; None if the group does not exist."""
    return await db.fetch_first(ParentGroup, "webhooks.prior_parent_group", FIND_PARENT_GROUP, id=group_id)


async def list_group_relations(db: Executor, group_id: str) -> list[GroupRelation]:
    """Return a row for each child of a group, or a single row without a child."""
    return await db.fetch_all(GroupRelation, "webhooks.prior_group_relations", LIST_GROUP_RELATIONS, id=group_id)


async def find_prompt(db: Executor, prompt_id: str) -> PromptName | None:
    """Return name and command of a prompt, or None."""
    return await db.fetch_first(PromptName, "webhooks.prior_prompt", FIND_PROMPT, id=prompt_id)


async def find_tool_name(db: Executor, tool_id: str) -> str | None:
    """Return the name of a tool, or None."""
    return await db.fetch_first(str, "webhooks.prior_tool_name", FIND_TOOL_NAME, id=tool_id)


async def find_skill_name(db: Executor, skill_id: str) -> str | None:
    """Return the name of a skill, or None."""
    return await db.fetch_first(str, "webhooks.prior_skill_name", FIND_SKILL_NAME, id=skill_id)


async def find_model_name(db: Executor, model_id: str) -> str | None:
    """Return the name of a workspace model, or None."""
    return await db.fetch_first(str, "webhooks.prior_model_name", FIND_MODEL_NAME, id=model_id)
