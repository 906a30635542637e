"""A database of many chats, the same for each run."""

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

MANY = "00000000-0000-4000-8000-000000000001"
MESSAGES, LENGTH = 10, 300
OTHERS, OTHERS_CHATS = 4, 2_500


class Words:
    """Texts of made-up words, each the rarer the later it stands in the list; the same for each run."""

    def __init__(self) -> None:
        self.random = random.Random(7)
        found: dict[str, None] = {}
        while len(found) < 20_000:
            syllables = self.random.choice((1, 2, 2, 3, 3, 4))
            word = "".join(
                self.random.choice("bcdfghjklmnprstvwz")
                + self.random.choice("aeiou")
                + self.random.choice(("", "", "n", "r", "s"))
                for _ in range(syllables)
            )
            found[word] = None
        self.words = list(found)
        self._weights = list(itertools.accumulate(1 / (place + 3) for place in range(len(self.words))))

    @property
    def common(self) -> str:
        """A word of five letters that is in nearly every chat."""
        return next(word for word in self.words if len(word) == 5)

    def text(self, length: int) -> str:
        return " ".join(self.random.choices(self.words, cum_weights=self._weights, k=length // 4))[:length]


def _chats(words: Words, user_id: str, count: int, start: int) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Rows of chats, oldest first, each with the rows of its messages."""
    for number in range(count):
        chat_id = str(uuid.UUID(int=words.random.getrandbits(128), version=4))
        at = start + number * 600
        planted = {3: "quetzalcoatl"}.get(number % (count // 7 or 1)) if user_id == MANY else None
        if user_id == MANY and number % (count // 20 or 1) == 11:
            planted = "今天天气很好"
        elif planted is None and number % 33 == 5:
            planted = "marmalade"
        messages: dict[str, Any] = {}
        rows = []
        parent = None
        for place in range(MESSAGES):
            message_id = str(uuid.UUID(int=words.random.getrandbits(128), version=4))
            content = words.text(LENGTH)
            if planted and place == 4:
                content = f"{content[:100]} {planted} {content[100:]}"
            role = "assistant" if place % 2 else "user"
            if parent is not None:
                messages[parent]["childrenIds"].append(message_id)
            messages[message_id] = {
                "id": message_id,
                "parentId": parent,
                "childrenIds": [],
                "role": role,
                "content": content,
                "timestamp": at + place,
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
                    "at": at + place,
                }
            )
            parent = message_id
        title = words.text(30).capitalize()
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


_CHAT = """INSERT INTO chat (id, user_id, title, chat, created_at, updated_at, archived, pinned, meta, variables,
    current_message_id, last_read_at) VALUES (:id, :user_id, :title, :chat, :at, :at, FALSE, FALSE, :meta, '{}',
    :current, :at)"""
_MESSAGE = """INSERT INTO chat_message (id, chat_id, user_id, role, parent_id, content, done, created_at, updated_at)
    VALUES (:id, :chat_id, :user_id, :role, :parent_id, :content, TRUE, :at, :at)"""


async def _fill(db: Database, words: Words, user_id: str, count: int) -> None:
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
    for chat, rows in _chats(words, user_id, count, 1_650_000_000):
        chats.append(chat)
        messages.extend(rows)
        if len(chats) == 500:
            await db.execute_many("bench.chat", _CHAT, chats)
            await db.execute_many("bench.message", _MESSAGE, messages)
            chats, messages = [], []
    if chats:
        await db.execute_many("bench.chat", _CHAT, chats)
        await db.execute_many("bench.message", _MESSAGE, messages)


async def fill(url: str, chats: int) -> Words:
    """A database with everybody and their chats; the words it is made of."""
    words = Words()
    db = await connect(url)
    try:
        await revision.ensure_schema(db)
        await _fill(db, words, MANY, chats)
        for number in range(OTHERS):
            await _fill(db, words, f"00000000-0000-4000-8000-00000000010{number}", OTHERS_CHATS)
    finally:
        await db.close()
    return words
