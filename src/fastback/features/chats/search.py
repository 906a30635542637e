"""Finding chats by what stands in them: words of the title and the messages, and filters among the words.

`tag:name`, `folder:name`, `pinned:true`, `archived:true`, `shared:true` narrow the search; what is left must stand, as
it is written, in a title or a message, without regard to capitals.
"""

from __future__ import annotations

import msgspec

from fastback.features.chats.store import ChatTitle
from fastback.features.chats.tags import tag_id
from fastback.kit.db import Database

PAGE = 60


class Wanted(msgspec.Struct):
    """A search, taken apart."""

    text: str = ""
    tags: list[str] = []
    folders: list[str] = []
    pinned: bool | None = None
    archived: bool | None = None
    shared: bool | None = None


def _flag(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def read(query: str) -> Wanted:
    """Take a query apart."""
    wanted = Wanted()
    words: list[str] = []
    for word in query.lower().split():
        name, colon, value = word.partition(":")
        if colon and name == "tag":
            wanted.tags.append(tag_id(value))
        elif colon and name == "folder":
            wanted.folders.append(value.replace("_", " "))
        elif colon and name == "pinned":
            wanted.pinned = _flag(value)
        elif colon and name == "archived":
            wanted.archived = _flag(value)
        elif colon and name == "shared":
            wanted.shared = _flag(value)
        else:
            words.append(word)
    wanted.text = " ".join(words)
    return wanted


def _conditions(wanted: Wanted, dialect: str) -> list[str]:
    found = []
    if wanted.archived is None:
        found.append("c.archived = FALSE")
    else:
        found.append(f"c.archived = {'TRUE' if wanted.archived else 'FALSE'}")
    if wanted.pinned is not None:
        found.append(f"COALESCE(c.pinned, FALSE) = {'TRUE' if wanted.pinned else 'FALSE'}")
    if wanted.shared is not None:
        found.append(f"c.share_id IS {'NOT ' if wanted.shared else ''}NULL")
    if wanted.folders:
        found.append(
            "c.folder_id IN (SELECT f.id FROM folder f WHERE f.user_id = :user_id AND lower(f.name) = ANY(:folders))"
        )
    for place, tag in enumerate(wanted.tags):
        if tag == "none":
            empty = {
                "sqlite": "COALESCE(json_array_length(c.meta, '$.tags'), 0) = 0",
                "postgres": "(c.meta -> 'tags' IS NULL OR json_typeof(c.meta -> 'tags') <> 'array' "
                "OR json_array_length(c.meta -> 'tags') = 0)",
            }
            found.append(empty[dialect])
            continue
        carries = {
            "sqlite": f"EXISTS (SELECT 1 FROM json_each(c.meta, '$.tags') t WHERE t.value = :tag{place})",
            "postgres": "json_typeof(c.meta -> 'tags') = 'array' AND EXISTS "
            f"(SELECT 1 FROM json_array_elements_text(c.meta -> 'tags') t WHERE t = :tag{place})",
        }
        found.append(carries[dialect])
    return found


def _like(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


_INTERNAL = {
    "sqlite": "COALESCE(json_extract(c.meta, '$.internal'), 0) <> 1",
    "postgres": "COALESCE(c.meta ->> 'internal', 'false') <> 'true'",
}


async def find(db: Database, user_id: str, query: str, *, page: int) -> list[ChatTitle]:
    """The chats of a user that fit, newest first, 60 a page, pages counted from 1."""
    wanted = read(query)
    where = ["c.user_id = :user_id", _INTERNAL[db.dialect], *_conditions(wanted, db.dialect)]
    params: dict[str, object] = {"user_id": user_id, "skip": (max(page, 1) - 1) * PAGE}
    if wanted.folders:
        params["folders"] = wanted.folders
    for place, tag in enumerate(wanted.tags):
        if tag != "none":
            params[f"tag{place}"] = tag
    if wanted.text:
        # Messages are looked at by their own rows: the documents would have to be parsed one by one.
        where.append(
            "(lower(c.title) LIKE :text ESCAPE '\\' OR EXISTS (SELECT 1 FROM chat_message m WHERE m.chat_id = c.id "
            "AND lower(CAST(m.content AS TEXT)) LIKE :text ESCAPE '\\'))"
        )
        params["text"] = _like(wanted.text)
    return await db.all_long(
        ChatTitle,
        "chats.search",
        "SELECT c.id, c.title, c.updated_at, c.created_at, c.last_read_at, NULL, FALSE, c.archived FROM chat c "
        f"WHERE {' AND '.join(where)} ORDER BY c.updated_at DESC, c.id LIMIT {PAGE} OFFSET :skip",
        **params,
    )
