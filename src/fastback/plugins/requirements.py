"""Read the `requirements:` of a plugin's header, which authors write by hand.

Entries are separated by commas, but also by blanks or semicolons, in brackets or quotes; some name no package at all.
"""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

#: Names that need no installation: Python itself, and what the server offers to plugins.
_OFFERED = {"python", "python3", "pip", "fastback", "open-webui"}
_PLACEHOLDERS = {"none", "null", "nil", "nothing", "no", "n-a", "na", "todo", "tbd", "list"}

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_OPERATOR = r"(?:===|==|~=|!=|<=|>=|<|>)"
_VERSION = rf"{_OPERATOR}[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(rf"({_NAME})(\[[A-Za-z0-9,._-]*\])?((?:{_VERSION})(?:,{_VERSION})*)?")
#: A part between commas; those in the brackets of extras separate nothing.
_PART = re.compile(r"(?:[^,\[]|\[[^\]]*\]?)+")
_BLANKS_AROUND_OPERATOR = re.compile(rf" ?({_OPERATOR}) ?")
_VERSIONS_IN_PARENTHESES = re.compile(rf"\( ?({_OPERATOR}[^()]*)\)")
_BEGINS_WITH_OPERATOR = re.compile(_OPERATOR)
_SEPARATORS = re.compile(r"[-_.]+")
_MARKER = re.compile(r"\s*(?:python_|os_name|sys_platform|platform_|implementation_)")
_ADDRESS = re.compile(r"(?:git|hg|svn|bzr)\+[a-z]+://|https?://|file://|/|" + rf"{_NAME}(?:\[[^\]]*\])?\s*@\s")


class SkippedEntry(NamedTuple):
    """An entry that names no package to install, and why."""

    text: str
    reason: str


class Requirements(NamedTuple):
    """What a header asks for: `entries` are requirements as pip takes them, in their order, each once."""

    entries: list[str]
    skipped: list[SkippedEntry]


def parse_requirements(text: str) -> Requirements:
    """Return the requirements in the text of a header field."""
    result = Requirements([], [])
    for entry in _split_entries(_strip_brackets(" ".join(text.split()))):
        reason = _find_reason_to_skip(entry)
        if reason:
            result.skipped.append(SkippedEntry(entry, reason))
        elif entry not in result.entries:
            result.entries.append(entry)
    return result


def _strip_brackets(text: str) -> str:
    return text[1:-1] if text.startswith(("[", "(")) and text.endswith(("]", ")")) else text


def _split_entries(text: str) -> list[str]:
    """Return the entries of a field; a part that begins with an operator belongs to the entry before it."""
    entries: list[str] = []
    for part in _split_outside_brackets(text):
        if entries and _BEGINS_WITH_OPERATOR.match(part):
            entries[-1] += "," + _BLANKS_AROUND_OPERATOR.sub(r"\1", part)
        else:
            entries += _split_part(part)
    return entries


def _split_outside_brackets(text: str) -> list[str]:
    """Return the parts between commas; those in the brackets of extras separate nothing."""
    parts = [part.strip() for part in _PART.findall(text)]
    return [part for part in (part.strip("\"'`").strip() if part[:1] in "\"'`" else part for part in parts) if part]


def _split_part(part: str) -> list[str]:
    """Return the entries of a part without commas: one, or several between blanks or semicolons."""
    if part.startswith("-") or _ADDRESS.match(part):
        return [part]
    part = part.partition(" #")[0]
    names, semicolon, rest = part.partition(";")
    if semicolon and _MARKER.match(rest):
        return [f"{_join_operators(names)}; {rest.strip()}"]
    if semicolon:
        return [entry for piece in part.split(";") if piece.strip() for entry in _split_part(piece.strip())]
    return _join_operators(part).split()


def _join_operators(text: str) -> str:
    """Return a text without blanks around operators and extras, and without parentheses around versions."""
    text = _VERSIONS_IN_PARENTHESES.sub(r"\1", text)
    return _BLANKS_AROUND_OPERATOR.sub(r"\1", text).replace(" [", "[").strip()


def _find_reason_to_skip(entry: str) -> str:
    """Return why an entry is not given to pip; empty if it is."""
    if _ADDRESS.match(entry):
        return ""
    match = _REQUIREMENT.fullmatch(entry.partition(";")[0])
    if match is None:
        return "is not the name of a package"
    name = _SEPARATORS.sub("-", match[1]).lower()
    if name in _PLACEHOLDERS:
        return "is a placeholder"
    if name in _OFFERED:
        return "needs no installation"
    if name.replace("-", "_") in sys.stdlib_module_names:
        return "is a part of Python"
    return ""
