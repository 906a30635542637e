"""Placeholders in prompts: `{{ chat.variables.name | definition }}` and `{{NAME}}`.

Prompts are foreign text of any length, and are read whenever models are listed. So everything here takes time in
proportion to the text: a scanner moves through it once, where one regular expression for a whole placeholder would
start again at each pair of braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fastback.kit.http.errors import BadRequest

#: Characters of a prompt with its placeholders filled in: values can be repeated without limit.
MAX_PROMPT_LENGTH = 10_000_000
#: The beginning of a placeholder up to its name; a longer name is no name.
_OPENINGS = {
    "chat": re.compile(r"\{\{\s*+chat\.variables\.([^\s|}]{1,100}+)\s*+"),
    "user": re.compile(r"\{\{\s*+user\.variables\.([^\s|}]{1,100}+)\s*+"),
}
_NAME_IN_BRACES = re.compile(r"\{\{[^{}]*\}\}")


class Placeholder(msgspec.Struct, frozen=True):
    """A placeholder at `text[start:end]`; the definition is the text between the bar and the closing braces."""

    start: int
    end: int
    name: str
    definition: str


def find_placeholders(text: str, namespace: str) -> Iterator[Placeholder]:
    """Yield the placeholders of a namespace, `chat` or `user`, in the order of the text."""
    pattern = _OPENINGS[namespace]
    opening = pattern.search(text)
    brace = -1
    while opening is not None:
        end = name_end = opening.end()
        if text.startswith("|", end):
            if brace < end:
                brace = text.find("}", end)
            if brace < 0:
                return
            end = brace
        if text.startswith("}}", end):
            yield Placeholder(opening.start(), end + 2, opening[1], text[name_end + 1 : end].strip())
            opening = pattern.search(text, end + 2)
        else:
            opening = pattern.search(text, opening.start() + 1)


def replace_placeholders(text: str, namespace: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders of a namespace by the values of their names; by nothing where a name has no value.

    Raises:
        BadRequest: the text becomes too long.
    """
    placeholders = find_placeholders(text, namespace)
    return _replace_spans(text, ((item.start, item.end, values.get(item.name, "")) for item in placeholders))


def replace_names(text: str, values: Mapping[str, str]) -> str:
    """Replace each `{{NAME}}` whose name, with its braces, has a value; a value is not searched for further names.

    Raises:
        BadRequest: the text becomes too long.
    """
    matches = _NAME_IN_BRACES.finditer(text)
    return _replace_spans(text, ((*match.span(), values[match[0]]) for match in matches if match[0] in values))


def _replace_spans(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    parts: list[str] = []
    position, length = 0, len(text)
    for start, end, value in spans:
        length += len(value) - (end - start)
        if length > MAX_PROMPT_LENGTH:
            raise BadRequest("The system prompt is too long with its variables filled in.")
        parts += (text[position:start], value)
        position = end
    return "".join([*parts, text[position:]]) if parts else text
