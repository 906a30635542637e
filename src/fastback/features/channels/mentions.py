"""Mentions in messages of channels: `<@M:gpt-4.1|GPT-4>` names a model, `U` a user and `A` an app; `#` a channel."""

from __future__ import annotations

import re

import msgspec

#: A mention ends at the next `<`, so that a text of many beginnings is not read again and again.
_MENTION = re.compile(r"<@([A-Z]):([^|<>]{1,300})(?:\|([^<>]{1,300}))?>")


class Mention(msgspec.Struct, frozen=True):
    """A mention: its kind (`M`, `U`, `A`) and the id behind it."""

    kind: str
    id: str


def list_mentions(text: str) -> list[Mention]:
    """Return what a text mentions, in its order."""
    return [Mention(match[1], match[2]) for match in _MENTION.finditer(text)]


def list_mentioned_ids(text: str, kind: str) -> list[str]:
    """Return the ids of one kind that a text mentions, each once, in their order."""
    return list(dict.fromkeys(mention.id for mention in list_mentions(text) if mention.kind == kind))


def replace_mentions(text: str) -> str:
    """Replace each mention by its label, or by its id where it has none."""
    return _MENTION.sub(lambda match: match[3] or match[2], text)
