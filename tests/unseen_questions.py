"""A second set of questions, on Python's language reference, which was not used to tune the search.

The text is the one that every CPython contains for `help("…")`: chapters on statements, expressions, methods of
strings, formats and the debugger. The questions were written while reading it, before any search. There are three
kinds: in other words than the text, in natural words of which the text contains some, and by a rare name, sign or
number. Phrases identify the answer of a question: every chunk that contains one of them counts, wherever the text is
cut. The phrases are in the text of Python 3.11, 3.12 and 3.13.

Tune the search with `list_half(0)` and check the result with `list_half(1)`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from pydoc_data.topics import topics

#: Lines: a kind after `# `, a question, or an indented phrase of the question above it.
_FILE = Path(__file__).parent / "data" / "questions-on-the-language-reference.txt"
#: Chapters that do not contain each other, about 300,000 characters.
_CHAPTERS = """specialnames compound string-methods formatstrings debugger typesmapping assignment comparisons execmodel
    strings import operator-summary calls identifiers objects raise binary subscriptions slicings global booleans
    integers power atom-identifiers exprlists assert return del nonlocal floating truth unary bitwise yield shifting
    imaginary break continue lambda dict conversions attribute-references"""

#: Questions by kind.
QuestionsByKind = dict[str, list[str]]


def _read_questions() -> tuple[QuestionsByKind, dict[str, list[str]]]:
    kinds: QuestionsByKind = {}
    phrases: dict[str, list[str]] = {}
    for line in filter(None, _FILE.read_text("utf-8").splitlines()):
        if line.startswith("# "):
            questions = kinds[line.removeprefix("# ")] = []
        elif line.startswith("  "):
            phrases[questions[-1]].append(line.removeprefix("  "))
        else:
            questions.append(line)
            phrases[line] = []
    return kinds, phrases


#: All questions by kind, and the phrases of each.
QUESTIONS, _PHRASES = _read_questions()


def list_half(number: int) -> QuestionsByKind:
    """Return every other question of each kind, beginning with the first (0) or the second (1)."""
    return {kind: questions[number::2] for kind, questions in QUESTIONS.items()}


def read_chapters() -> dict[str, str]:
    """Return the text of the chapters by name."""
    return {name: topics[name] for name in _CHAPTERS.split()}


def find_rank(question: str, passages: Iterable[str]) -> int:
    """Return the rank of the first passage that answers a question, from 1; 0 if none does."""
    flat = (" ".join(passage.split()) for passage in passages)
    phrases = _PHRASES[question]
    return next((rank for rank, text in enumerate(flat, 1) if any(phrase in text for phrase in phrases)), 0)
