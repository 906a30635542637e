"""What a search asks for: words, and filters among them.

`tag:name`, `folder:name`, `pinned:true`, `archived:true`, `shared:true` narrow a search. What is left is a phrase,
found where a title or a message holds it, `%` standing for any characters and `_` for one; and its words of letters a
to z and digits, found where a chat holds all of them, whatever lies between. Nothing minds capitals, and a word is
found inside another.
"""

from __future__ import annotations

import re

import msgspec

from fastback.features.chats.tags.store import make_tag_id

_FILTERS = ("tag:", "folder:", "pinned:", "archived:", "shared:")
_WORD = re.compile(r"[a-z0-9]+")
_WILD = re.compile(r"[%_]")
_UNSTORED = re.compile("[\x00\ud800-\udfff]")
#: A longer search is judged by so many pieces of it; the text itself decides in the end.
_MOST_GRAMS = 48
#: Words beyond that are found in the phrase alone.
_MOST_TERMS = 48


class Needle(msgspec.Struct, frozen=True):
    """A piece of text in small letters; where it is `wild`, `%` and `_` stand for other characters."""

    text: str
    wild: bool = False

    def build_pattern(self, dialect: str) -> str:
        """The operand of `LIKE`, which has no escape character in SQLite."""
        if self.wild:
            return f"%{self.text}%" if dialect == "sqlite" else "%" + self.text.replace("\\", "\\\\") + "%"
        return "%" + re.sub(r"([\\%_])", r"\\\1", self.text) + "%"


class SearchQuery(msgspec.Struct):
    """A search, taken apart.

    Attributes:
        text: the words without the filters; empty where there is nothing but filters.
        phrase: what comes first; None without text.
        terms: words that must all be there for what comes after; empty where the phrase says the same.
        folders: names, see `normalize_folder_name`; None for any folder. `tags`: ids.
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
    """A folder's name as searches know it: small letters, one space where spaces or underscores are."""
    return re.sub(r"[\s_]+", " ", name).strip().lower()


def parse_query(text: str) -> SearchQuery:
    """Take a search apart."""
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
        query.terms = [Needle(word) for word in list_words(query.text)[:_MOST_TERMS] if word != query.text]
    return query


def list_words(text: str) -> list[str]:
    """The words of letters a to z and digits, each once."""
    return list(dict.fromkeys(_WORD.findall(text)))


def _parse_flag(words: list[str], name: str) -> bool | None:
    if f"{name}:true" in words:
        return True
    return False if f"{name}:false" in words else None


def list_trigrams(needle: Needle) -> list[str]:
    """Runs of three characters that a text with the needle must hold; none where it is too short."""
    found: dict[str, None] = {}
    for run in _split_pieces(needle):
        found.update(dict.fromkeys(run[start : start + 3] for start in range(len(run) - 2)))
    return list(found)[:_MOST_GRAMS]


def find_longest_piece(needle: Needle) -> str:
    """The longest piece of a needle without wild characters."""
    return max(_split_pieces(needle), key=len)


def _split_pieces(needle: Needle) -> list[str]:
    return _WILD.split(needle.text) if needle.wild else [needle.text]
