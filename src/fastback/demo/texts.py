"""What the demo models say: believable, the same for the same question, as long as asked for."""

from __future__ import annotations

import hashlib
import re

_ESSAYS = (
    "That is a good question to start with. The short answer is that it depends on what you want to keep simple: "
    "the first version should do one thing well, and every later one should be allowed to change its mind. ",
    "Here is how I would go about it:\n\n1. Write down what must be true at the end.\n2. Find the smallest step that "
    "shows whether you are right.\n3. Take it, look, and only then plan the next one.\n\n",
    'A small example makes it concrete:\n\n```python\ndef greet(name: str) -> str:\n    return f"Hello, {name}!"\n\n\n'
    'print(greet("world"))\n```\n\nThe function does nothing clever, and that is its strength. ',
    "| Choice | Good for | Costs |\n|---|---|---|\n| Small steps | learning early | patience |\n| One big leap | "
    "speed, with luck | surprises |\n\nMost of the time the first row wins. ",
    "It also helps to remember **why** you started. Notes from the first week are worth more than plans for the last "
    "one, because they hold the questions that nobody had answered yet. ",
)

_SENTENCE = re.compile(r"\[\[tokens (\d+)\]\]")


def tokens(text: str) -> list[str]:
    """The text in pieces of about a token: words with the white space behind them."""
    return re.findall(r"\S+\s*|\s+", text)


def wanted_length(question: str) -> int | None:
    """The number in `[[tokens N]]`, when the question asks for an answer of exactly so many."""
    found = _SENTENCE.search(question)
    return int(found.group(1)) if found else None


def words(count: int) -> list[str]:
    """An answer of exactly so many tokens."""
    return [f"word{place} " for place in range(count)]


def answer(question: str) -> list[str]:
    """The pieces of the answer to a question."""
    exact = wanted_length(question)
    if exact is not None:
        return words(exact)
    start = int(hashlib.sha256(question.encode()).hexdigest(), 16)
    first = question.strip().splitlines()[0][:80] if question.strip() else "nothing at all"
    parts = [f"You asked: *{first}*\n\n"]
    parts += [_ESSAYS[(start + place) % len(_ESSAYS)] for place in range(3)]
    return tokens("".join(parts))


def task_answer(prompt: str) -> str | None:
    """The JSON a small task of the page asks for; None for an ordinary question."""
    lowered = prompt.lower()
    if "json" not in lowered:
        return None
    if '"title"' in lowered:
        return '{"title": "💬 A Conversation"}'
    if '"tags"' in lowered:
        return '{"tags": ["General", "Demo"]}'
    if '"follow_ups"' in lowered:
        return '{"follow_ups": ["What comes next?", "Can you show an example?", "Why does that work?"]}'
    if '"queries"' in lowered:
        return '{"queries": ["a first search", "a second search"]}'
    if '"emoji"' in lowered:
        return '{"emoji": "🙂"}'
    if '"prompt"' in lowered:
        return '{"prompt": "a quiet harbour at dawn, soft light"}'
    if '"text"' in lowered:
        return '{"text": "and so on"}'
    return None


REASONING = tokens("First I look at what is asked. Then I think of an example. ")
