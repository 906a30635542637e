"""A database of many chats, identical in each run."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

from fastback.kit.db import Database
from fastback.kit.db.connect import connect
from fastback.schema import revision

MAIN_USER = "00000000-0000-4000-8000-000000000001"
MESSAGES, LENGTH = 10, 300
OTHERS, OTHERS_CHATS = 4, 2_500


class Words:
    """Texts of invented words, which are rarer the later they are in the list; identical in each run."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        words: dict[str, None] = {}
        while len(words) < 20_000:
            syllables = self.random.choice((1, 2, 2, 3, 3, 4))
            word = "".join(
                self.random.choice("bcdfghjklmnprstvwz")
                + self.random.choice("aeiou")
                + self.random.choice(("", "", "n", "r", "s"))
                for _ in range(syllables)
            )
            words[word] = None
        self.words = list(words)
        self._weights = list(itertools.accumulate(1 / (index + 3) for index in range(len(self.words))))

    @property
    def common(self) -> str:
        """Return a word of five letters that nearly every chat contains."""
        return next(word for word in self.words if len(word) == 5)

    def make_text(self, length: int) -> str:
        return " ".join(self.random.choices(self.words, cum_weights=self._weights, k=length // 4))[:length]


def _generate_chats(
    words: Words, user_id: str, count: int, start: int
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield rows of chats, oldest first, each with the rows of its messages."""
    for number in range(count):
        chat_id = str(uuid.UUID(int=words.random.getrandbits(128), version=4))
        at = start + number * 600
        rare_word = {3: "quetzalcoatl"}.get(number % (count // 7 or 1)) if user_id == MAIN_USER else None
        if user_id == MAIN_USER and number % (count // 20 or 1) == 11:
            rare_word = "今天天气很好"
        elif rare_word is None and number % 33 == 5:
            rare_word = "marmalade"
        messages: dict[str, Any] = {}
        rows = []
        parent = None
        for position in range(MESSAGES):
            message_id = str(uuid.UUID(int=words.random.getrandbits(128), version=4))
            content = words.make_text(LENGTH)
            if rare_word and position == 4:
                content = f"{content[:100]} {rare_word} {content[100:]}"
            role = "assistant" if position % 2 else "user"
            if parent is not None:
                messages[parent]["childrenIds"].append(message_id)
            messages[message_id] = {
                "id": message_id,
                "parentId": parent,
                "childrenIds": [],
                "role": role,
                "content": content,
                "timestamp": at + position,
                "models": ["demo-small"],
                "done": True,
            }
            rows.append(
                {
                    "id": f"{chat_id}-{message_id}",
                    "chat_id": chat_id,
                    "user_id": user_id,
                    "role": role,
                    "parent_id": parent,
                    "content": json.dumps(content),
                    "at": at + position,
                }
            )
            parent = message_id
        title = words.make_text(30).capitalize()
        document = {
            "id": chat_id,
            "title": title,
            "models": ["demo-small"],
            "history": {"messages": messages, "currentId": parent},
            "messages": [],
            "tags": [],
        }
        tags = ["holiday"] if number % (count // 200 or 1) == 17 else ["work"] if number % 3 else []
        yield (
            {
                "id": chat_id,
                "user_id": user_id,
                "title": title,
                "chat": json.dumps(document),
                "at": at,
                "meta": json.dumps({"tags": tags}),
                "current": parent,
            },
            rows,
        )


_INSERT_CHAT = """INSERT INTO chat (id, user_id, title, chat, created_at, updated_at, archived, pinned, meta, variables,
    current_message_id, last_read_at) VALUES (:id, :user_id, :title, :chat, :at, :at, FALSE, FALSE, :meta, '{}',
    :current, :at)"""
_INSERT_MESSAGE = """INSERT INTO chat_message (id, chat_id, user_id, role, parent_id, content, done, created_at,
    updated_at) VALUES (:id, :chat_id, :user_id, :role, :parent_id, :content, TRUE, :at, :at)"""


async def _insert_user_and_chats(db: Database, words: Words, user_id: str, count: int) -> None:
    name = f"u{user_id[-4:]}"
    user = {"id": user_id, "name": name, "email": f"{name}@example.com", "role": "admin", "at": 1_600_000_000}
    await db.execute(
        "bench.user",
        """INSERT INTO "user" (id, name, email, role, profile_image_url, last_active_at, updated_at, created_at)
           VALUES (:id, :name, :email, :role, '/user.png', :at, :at, :at)""",
        **user,
    )
    await db.execute(
        "bench.auth",
        "INSERT INTO auth (id, email, password, active) VALUES (:id, :email, '', TRUE)",
        id=user_id,
        email=user["email"],
    )
    chats, messages = [], []
    for chat, rows in _generate_chats(words, user_id, count, 1_650_000_000):
        chats.append(chat)
        messages.extend(rows)
        if len(chats) == 500:
            await db.execute_many("bench.chat", _INSERT_CHAT, chats)
            await db.execute_many("bench.message", _INSERT_MESSAGE, messages)
            chats, messages = [], []
    if chats:
        await db.execute_many("bench.chat", _INSERT_CHAT, chats)
        await db.execute_many("bench.message", _INSERT_MESSAGE, messages)


async def fill_database(url: str, chats: int) -> Words:
    """Fill a database with all users and their chats; return the words of the texts."""
    words = Words()
    db = await connect(url)
    try:
        await revision.ensure_schema(db)
        await _insert_user_and_chats(db, words, MAIN_USER, chats)
        for number in range(OTHERS):
            await _insert_user_and_chats(db, words, f"00000000-0000-4000-8000-00000000010{number}", OTHERS_CHATS)
    finally:
        await db.close()
    return words
