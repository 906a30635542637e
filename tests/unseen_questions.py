"""A second set of questions, on which no way of searching was chosen: what Python's language reference answers.

The text is what every CPython carries for `help("…")`: chapters on statements, expressions, methods of text, formats
and the debugger. Questions were written while reading it, before any was searched, in three kinds: in other words than
the text has, in natural words of which some are in the text, and by a rare name, sign or number. What answers a
question is known by a phrase: every chunk with one of its phrases will do, wherever this Python's text is cut. The
phrases are in the text of Python 3.11, 3.12 and 3.13.

Whoever wants to choose something by these questions may use `half(0)`; `half(1)` is there to test the choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from pydoc_data.topics import topics

#: Kinds behind `#`, questions, and under each, indented, its phrases.
_FILE = Path(__file__).parent / "data" / "questions-on-the-language-reference.txt"
#: Chapters of which none contains another, about 300,000 characters.
_CHAPTERS = """specialnames compound string-methods formatstrings debugger typesmapping assignment comparisons execmodel
    strings import operator-summary calls identifiers objects raise binary subscriptions slicings global booleans
    integers power atom-identifiers exprlists assert return del nonlocal floating truth unary bitwise yield shifting
    imaginary break continue lambda dict conversions attribute-references"""

#: Questions by kind.
QuestionsByKind = dict[str, list[str]]


def _read() -> tuple[QuestionsByKind, dict[str, list[str]]]:
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
QUESTIONS, _PHRASES = _read()


def list_half(number: int) -> QuestionsByKind:
    """Every other question of each kind, from the first (0) or the second (1) on."""
    return {kind: questions[number::2] for kind, questions in QUESTIONS.items()}


def read_chapters() -> dict[str, str]:
    """The text to cut, by name."""
    return {name: topics[name] for name in _CHAPTERS.split()}


def find_rank(question: str, passages: Iterable[str]) -> int:
    """At which place the first passage stands that answers a question; 0 where none does."""
    flat = (" ".join(passage.split()) for passage in passages)
    phrases = _PHRASES[question]
    return next((at for at, text in enumerate(flat, 1) if any(phrase in text for phrase in phrases)), 0)
