"""The words of a search, LIKE patterns, and the excerpt of a text around a match."""

from __future__ import annotations

from fastback.records.listing import escape_like

#: Words of a query that a search uses.
MAX_TERMS = 12


def list_terms(query: str) -> list[str]:
    """Return the words of a query in lower case, each once, at most `MAX_TERMS`."""
    return list(dict.fromkeys(query.lower().split()))[:MAX_TERMS]


def build_like_pattern(text: str) -> str:
    """Return the operand of `LIKE … ESCAPE '\\'` that matches texts which contain this one."""
    return f"%{escape_like(text)}%"


def cut_excerpt(content: str, query: str, length: int = 200) -> str:
    """Return at most `length` characters of a text around the first match of a word of the query."""
    lowered = content.lower()
    positions = [position for position in (lowered.find(term) for term in list_terms(query)) if position >= 0]
    start = max(0, min(positions, default=0) - length // 4)
    end = start + length
    return ("…" if start else "") + content[start:end].strip() + ("…" if end < len(content) else "")
