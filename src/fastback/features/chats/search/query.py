"""The query of a chat search: a text, and filters in it.

`tag:name`, `folder:name`, `pinned:true`, `archived:true` and `shared:true` are filters. The remaining text is a phrase
that the title or a message must contain, where `%` matches any characters and `_` one character. Its words of the
letters a to z and digits match chats that contain all of them in any place. Case is ignored, and a word also matches
inside a longer word.
"""

from __future__ import annotations

import re

import msgspec

from fastback.features.chats.tags.store import make_tag_id

_FILTERS = ("tag:", "folder:", "pinned:", "archived:", "shared:")
_WORD = re.compile(r"[a-z0-9]+")
_WILD = re.compile(r"[%_]")
_SPECIAL = re.compile(r"([\\%_])")
_BLANKS = re.compile(r"[\s_]+")
_UNSTORED = re.compile("[\x00\ud800-\udfff]")
#: The trigrams of a needle that are looked up in the index; the text itself is compared afterwards.
_MAX_TRIGRAMS = 48
#: Words beyond this number match as part of the phrase alone.
_MAX_TERMS = 48


class Needle(msgspec.Struct, frozen=True):
    """A text to find, in lower case; if `wild`, `%` and `_` in it are wildcards."""

    text: str
    wild: bool = False

    def build_pattern(self, dialect: str) -> str:
        """Return the operand of `LIKE`, which has no escape character in SQLite."""
        if self.wild:
            return f"%{self.text}%" if dialect == "sqlite" else "%" + self.text.replace("\\", "\\\\") + "%"
        return "%" + _SPECIAL.sub(r"\\\1", self.text) + "%"


class SearchQuery(msgspec.Struct):
    """A parsed query.

    Attributes:
        text: the words without the filters; empty if the query has filters only.
        phrase: the text as one needle, whose matches come first; None without a text.
        terms: the words that must all match for a chat to come after those; empty if the text is one word.
        folders: names, normalized by `normalize_folder_name`; None for any folder.
        tags: ids.
    """

    text: str = ""
    phrase: Needle | None = None
    terms: list[Needle] = []
    tags: list[str] = []
    folders: list[str] | None = None
    pinned: bool | None = None
    archived: bool | None = None
    shared: bool | None = None


def normalize_folder_name(name: str) -> str:
    """Return a folder's name as searches compare it: lower case, one space for spaces and underscores."""
    return _BLANKS.sub(" ", name).strip().lower()


def parse_query(text: str) -> SearchQuery:
    """Parse the text of a search."""
    words = _UNSTORED.sub("", text).lower().split()
    query = SearchQuery(text=" ".join(word for word in words if not word.startswith(_FILTERS)))
    query.tags = list(dict.fromkeys(make_tag_id(word.replace("tag:", "")) for word in words if word.startswith("tag:")))
    if any(word.startswith("folder:") for word in words):
        query.folders = [
            normalize_folder_name(word.replace("folder:", "")) for word in words if word.startswith("folder:")
        ]
    query.pinned = _parse_flag(words, "pinned")
    query.archived = _parse_flag(words, "archived")
    query.shared = _parse_flag(words, "shared")
    if query.text:
        query.phrase = Needle(query.text, wild=_WILD.search(query.text) is not None)
        query.terms = [Needle(word) for word in list_words(query.text)[:_MAX_TERMS] if word != query.text]
    return query


def list_words(text: str) -> list[str]:
    """Return the words of the letters a to z and digits, each once."""
    return list(dict.fromkeys(_WORD.findall(text)))


def _parse_flag(words: list[str], name: str) -> bool | None:
    if f"{name}:true" in words:
        return True
    return False if f"{name}:false" in words else None


def list_trigrams(needle: Needle) -> list[str]:
    """Return the runs of three characters that a text with the needle must contain; none if the needle is too short."""
    trigrams: dict[str, None] = {}
    for run in _split_pieces(needle):
        trigrams.update(dict.fromkeys(run[start : start + 3] for start in range(len(run) - 2)))
    return list(trigrams)[:_MAX_TRIGRAMS]


def find_longest_piece(needle: Needle) -> str:
    """Return the longest piece of a needle without wildcards."""
    return max(_split_pieces(needle), key=len)


def _split_pieces(needle: Needle) -> list[str]:
    return _WILD.split(needle.text) if needle.wild else [needle.text]
