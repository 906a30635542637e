"""Texts that make a badly written regular expression slow, derived from the expression itself.

A backtracking engine is slow where a repetition can be entered at many positions, or split in many ways, and what
follows it never matches. So each repetition of a pattern yields a text: what leads to it, its body over and over, and
an ending that fails. What leads to it is repeated as well, and each pair of characters of the pattern.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

#: Characters that stand for the classes of a pattern.
_CANDIDATES = "a0 _-.\"'{}[]()<>:/\\|=,;\n\t\rAZé\x00!"
_CATEGORIES = {
    codes.CATEGORY_DIGIT: str.isdigit,
    codes.CATEGORY_NOT_DIGIT: lambda char: not char.isdigit(),
    codes.CATEGORY_SPACE: str.isspace,
    codes.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    codes.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    codes.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
#: A repetition that ends sooner costs little.
_SHORT_REPEAT = 8
#: Pairs are made of this many characters of a pattern.
_PAIRED_CHARACTERS = 10
_ENDINGS = ("", "\x00", "!", "\n", '"', "}", " ")


def _is_in_class(char: str, items: Iterable[Any]) -> bool:
    code = ord(char)
    is_negated = is_member = False
    for op, value in items:
        if op is codes.NEGATE:
            is_negated = True
        elif op is codes.LITERAL:
            is_member |= code == value
        elif op is codes.RANGE:
            is_member |= value[0] <= code <= value[1]
        elif op is codes.CATEGORY:
            is_member |= _CATEGORIES[value](char)
    return is_member is not is_negated


def _list_class(items: list[Any]) -> list[str]:
    """Return some characters of a class; its own ones before the common ones."""
    own = [chr(value if op is codes.LITERAL else value[0]) for op, value in items if op in (codes.LITERAL, codes.RANGE)]
    return [char for char in dict.fromkeys([*own, *_CANDIDATES]) if _is_in_class(char, items)][:6]


def _write_sample(nodes: Iterable[Any], *, branch: int = 0) -> str:
    """Return a short text that the nodes match, or nearly."""
    return "".join(_write_node(op, value, branch) for op, value in nodes)


def _write_node(op: Any, value: Any, branch: int) -> str:
    if op is codes.LITERAL:
        return chr(value)
    if op is codes.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    if op is codes.ANY:
        return "a"
    if op is codes.IN:
        return next(iter(_list_class(value)), "")
    if op in _REPEATS:
        return _write_sample(value[2], branch=branch) * min(max(value[0], 1), 2000)
    if op is codes.SUBPATTERN:
        return _write_sample(value[3], branch=branch)
    if op is codes.ATOMIC_GROUP:
        return _write_sample(value, branch=branch)
    if op is codes.BRANCH:
        return _write_sample(value[1][branch % len(value[1])], branch=branch)
    return ""  # anchors, assertions, references


def _list_children(op: Any, value: Any) -> list[Any]:
    """Return the lists of nodes inside a node."""
    if op in _REPEATS:
        return [value[2]]
    if op is codes.SUBPATTERN:
        return [value[3]]
    if op is codes.ATOMIC_GROUP:
        return [value]
    if op is codes.BRANCH:
        return list(value[1])
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return []


def _iterate_repeats(nodes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield what leads to each repetition, and bodies of it."""
    for op, value in nodes:
        if op in _REPEATS and value[1] > _SHORT_REPEAT:
            body = list(value[2])
            if len(body) == 1 and body[0][0] is codes.IN:
                yield from ((prefix, char) for char in _list_class(body[0][1]))
            else:
                yield from ((prefix, _write_sample(body, branch=branch)) for branch in range(3))
        for child in _list_children(op, value):
            yield from _iterate_repeats(child, prefix)
        prefix += _write_node(op, value, 0)


def _list_characters(nodes: Iterable[Any]) -> list[str]:
    characters: list[str] = []
    for op, value in nodes:
        if op in (codes.LITERAL, codes.NOT_LITERAL):
            characters.append(chr(value))
        elif op is codes.IN:
            characters.extend(_list_class(value))
        for child in _list_children(op, value):
            characters.extend(_list_characters(child))
    return list(dict.fromkeys(characters))


def _iterate_units(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield a beginning, a unit to repeat and an ending."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    nodes = list(
        parser.parse(text, pattern.flags & ~re.UNICODE if not isinstance(pattern.pattern, str) else pattern.flags)
    )
    samples = list(dict.fromkeys(_write_sample(nodes, branch=branch) for branch in range(8)))
    for prefix, body in dict.fromkeys(_iterate_repeats(nodes)):
        for ending in _ENDINGS:
            yield prefix, body, ending
        for filling in (body, body * 30):
            yield "", prefix + filling, ""
            yield "", prefix + filling + " ", ""
            yield "", prefix + filling + "\n", ""
    for sample in samples:
        for unit in (sample, sample[:-1], sample + "\x00", sample + " ", sample[1:]):
            yield "", unit, ""
            yield sample, unit, "!"
    characters = [*_list_characters(nodes)[:_PAIRED_CHARACTERS], "a", " ", "0", "\n"]
    for first, second in itertools.product(dict.fromkeys(characters), repeat=2):
        yield "", first + second, ""
        yield "", first * 20 + second, ""


class HostileText(NamedTuple):
    """A text of any length: a beginning, a unit that is repeated and an ending."""

    beginning: str
    unit: str
    ending: str

    def write(self, length: int) -> str:
        """Return the text with about `length` characters."""
        return self.beginning + self.unit * (length // len(self.unit)) + self.ending


def list_hostile_texts(pattern: re.Pattern[Any]) -> list[HostileText]:
    """Return the texts that a pattern may be slow with."""
    texts = dict.fromkeys(_iterate_units(pattern))
    return [HostileText(*parts) for parts in texts if parts[1]]
