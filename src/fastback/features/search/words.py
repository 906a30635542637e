"""The words of a search, and the piece of a text that shows them."""

from __future__ import annotations

#: A search looks for so many words at most.
MAX_TERMS = 12


def list_terms(query: str) -> list[str]:
    """The words of a query in small letters, each once."""
    return list(dict.fromkeys(query.lower().split()))[:MAX_TERMS]


def build_like_pattern(text: str) -> str:
    """The operand of `LIKE … ESCAPE '\\'` for texts that hold this one."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def cut_excerpt(content: str, query: str, length: int = 200) -> str:
    """A piece of a text around the first word of the query in it."""
    lowered = content.lower()
    places = [place for place in (lowered.find(term) for term in list_terms(query)) if place >= 0]
    start = max(0, min(places, default=0) - length // 4)
    end = start + length
    return ("…" if start else "") + content[start:end].strip() + ("…" if end < len(content) else "")
