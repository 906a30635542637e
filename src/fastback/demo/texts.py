"""Texts of the demo models: plausible, deterministic for a question, and of the requested length."""

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
_TOKEN = re.compile(r"\S+\s*|\s+")


def split_tokens(text: str) -> list[str]:
    """Split the text into words, each with the white space behind it."""
    return _TOKEN.findall(text)


def find_requested_length(question: str) -> int | None:
    """Return the number of a `[[tokens N]]` directive, or None."""
    match = _SENTENCE.search(question)
    return int(match.group(1)) if match else None


def build_words(count: int) -> list[str]:
    """Return a reply of exactly this many tokens."""
    return [f"word{index} " for index in range(count)]


def build_answer(question: str) -> list[str]:
    """Return the tokens of the reply to a question."""
    length = find_requested_length(question)
    if length is not None:
        return build_words(length)
    seed = int(hashlib.sha256(question.encode()).hexdigest(), 16)
    first_line = question.strip().splitlines()[0][:80] if question.strip() else "nothing at all"
    parts = [f"You asked: *{first_line}*\n\n"]
    parts += [_ESSAYS[(seed + offset) % len(_ESSAYS)] for offset in range(3)]
    return split_tokens("".join(parts))


def find_generation(prompt: str) -> str | None:
    """Return the JSON that a generation of the page asks for; None for an ordinary question."""
    lower_prompt = prompt.lower()
    if "json" not in lower_prompt:
        return None
    if '"title"' in lower_prompt:
        return '{"title": "💬 A Conversation"}'
    if '"tags"' in lower_prompt:
        return '{"tags": ["General", "Demo"]}'
    if '"follow_ups"' in lower_prompt:
        return '{"follow_ups": ["What comes next?", "Can you show an example?", "Why does that work?"]}'
    if '"queries"' in lower_prompt:
        return '{"queries": ["a first search", "a second search"]}'
    if '"emoji"' in lower_prompt:
        return '{"emoji": "🙂"}'
    if '"prompt"' in lower_prompt:
        return '{"prompt": "a quiet harbour at dawn, soft light"}'
    if '"text"' in lower_prompt:
        return '{"text": "and so on"}'
    return None


REASONING = split_tokens("First I look at what is asked. Then I think of an example. ")
