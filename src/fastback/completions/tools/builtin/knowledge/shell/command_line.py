"""Command lines: commands, joined by pipes, with flags and arguments."""

from __future__ import annotations

import re
import shlex

import msgspec

_RANGE = re.compile(r"'?(\d+),(\d+)p?'?", re.ASCII)
_NUMBER = re.compile(r"-\d+", re.ASCII)


class ShellError(Exception):
    """A command failed; the text is for the model."""


class Command(msgspec.Struct):
    """One command of a pipe: `-la` sets the flags `l` and `a`; `-20` is a number."""

    name: str
    flags: set[str]
    number: int | None
    arguments: list[str]

    def take_range(self) -> tuple[int, int] | None:
        """Return the range of lines (`40,60p`) among the arguments, and remove it from them."""
        for argument in self.arguments:
            if match := _RANGE.fullmatch(argument):
                self.arguments.remove(argument)
                return int(match[1][:12]), int(match[2][:12])
        return None


def parse_pipe(line: str) -> list[Command]:
    """Return the commands of a line."""
    return [_parse_command(tokens) for part in _split_pipe(line) if (tokens := _split_words(part))]


def _split_pipe(line: str) -> list[str]:
    """Split at `|`, but not inside of quotes."""
    parts = [""]
    quote = ""
    for character in line:
        if character == "|" and not quote:
            parts.append("")
            continue
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        parts[-1] += character
    return parts


def _split_words(part: str) -> list[str]:
    try:
        return shlex.split(part)
    except ValueError:  # a quote that does not end
        return part.split()


def _parse_command(tokens: list[str]) -> Command:
    command = Command(tokens[0].lower(), set(), None, [])
    for token in tokens[1:]:
        if _NUMBER.fullmatch(token) and command.number is None:
            command.number = int(token[1:12])
        elif token.startswith("-") and len(token) > 1 and not token[1:].isdigit():
            command.flags |= set(token[1:])
        else:
            command.arguments.append(token)
    return command
