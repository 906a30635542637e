"""Passages of chats that show why a search found them: the matching message, and the text around the match."""

from __future__ import annotations

from typing import Literal

import msgspec

from fastback.features.chats.search import passage_store
from fastback.features.chats.search.passage_store import PassageRow
from fastback.kit.db.derived_tables import DerivedTables

#: Characters of a snippet.
LENGTH = 200
#: Words beyond this number are not searched one by one.
_MAX_NEEDLES = 12


class Passage(msgspec.Struct):
    """The text of a message; its id if the message matched."""

    content: str = ""
    message_id: str | None = None


async def load_snippets(tables: DerivedTables, chat_ids: list[str], needles: list[str]) -> dict[str, str]:
    """Return, by chat, the text around the first of the needles (lower case) that one of its messages contains."""
    if not chat_ids or not needles:
        return {}
    needles = needles[:_MAX_NEEDLES]
    rows = await passage_store.list_matching_messages(tables, chat_ids, needles)
    snippets = ((row.id, cut_snippet(row.match[0] or "", needles)) for row in rows if row.match)
    return {chat_id: snippet for chat_id, snippet in snippets if snippet is not None}


async def load_passages(
    tables: DerivedTables, table: Literal["chat", "shared_chat"], ids: list[str], terms: list[str]
) -> dict[str, Passage]:
    """Return, by row, the first message with all terms, else the first with one of them, else the last message."""
    if not ids:
        return {}
    rows = await passage_store.list_passages(tables, table, ids, terms[:_MAX_NEEDLES])
    return {row.id: _build_passage(row) for row in rows}


def _build_passage(row: PassageRow) -> Passage:
    if row.match:
        return Passage(row.match[0] or "", row.match[1])
    return Passage((row.last[0] or "") if row.last else "")


def cut_snippet(content: str, needles: list[str]) -> str | None:
    """Return at most `LENGTH` characters around the first needle in the text, whitespace collapsed; None without one.

    A longer needle is returned whole.
    """
    lowered = content.lower()
    for needle in needles:
        position = lowered.find(needle)
        if position < 0:
            continue
        start = max(position - LENGTH // 2, 0)
        end = min(start + LENGTH, len(content))
        if position + len(needle) > end:
            end = min(position + len(needle), len(content))
            start = max(end - LENGTH, 0)
        snippet = " ".join(content[start:end].split())
        return f"{'...' if start else ''}{snippet}{'...' if end < len(content) else ''}"
    return None
