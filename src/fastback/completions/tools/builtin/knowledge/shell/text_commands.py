"""`cat`, `head`, `tail`, `sed`, `wc` and `stat`: parts of a text, and figures of it. They run in threads."""

from __future__ import annotations

from fastback.completions.tools.builtin.knowledge.file_view import iterate_lines
from fastback.completions.tools.builtin.knowledge.shell.command_line import Command, ShellError
from fastback.completions.tools.builtin.knowledge.shell.file_system import ShellFile
from fastback.completions.tools.builtin.knowledge.shell.listings import format_time

#: Lines of `head` and `tail` unless a command names a number.
_LINES = 10


def cut_lines(text: str, first: int, last: int) -> str:
    """Return the lines of a range, numbered from 1."""
    lines: list[str] = []
    for number, start, end in iterate_lines(text):
        if number > last:
            break
        if number >= first:
            lines.append(text[start:end])
    return "\n".join(lines)


def number_lines(text: str) -> str:
    """Return the text with a number before each line."""
    return "\n".join(f"{number}: {text[start:end]}" for number, start, end in iterate_lines(text))


def show_head(text: str, command: Command, file: ShellFile | None) -> str:
    """Run `head`; `file` is None for piped text."""
    limit = _LINES if command.number is None else command.number
    total = text.count("\n") + 1
    note = f"\n[showing {limit} of {total} lines]" if file is not None and total > limit else ""
    return cut_lines(text, 1, limit) + note


def show_tail(text: str, command: Command, file: ShellFile | None) -> str:
    """Run `tail`; `file` is None for piped text."""
    limit = _LINES if command.number is None else command.number
    total = text.count("\n") + 1
    note = f"\n[showing last {limit} of {total} lines]" if file is not None and total > limit else ""
    return "\n".join(text.rsplit("\n", limit)[-limit:] if limit else []) + note


def show_range(text: str, command: Command, file: ShellFile | None) -> str:
    """Run `sed -n 'M,Np'`; `file` is None for piped text.

    Raises:
        ShellError: the range is missing or invalid.
    """
    lines = command.take_range()
    if lines is None:
        raise ShellError("Usage: sed -n '40,60p' <file>")
    first, last = lines
    if first > last:
        raise ShellError(f"Invalid range: start ({first}) > end ({last})")
    total = text.count("\n") + 1
    return cut_lines(text, first, last) + ("" if file is None else f"\n[lines {first}-{min(last, total)} of {total}]")


def count_words(text: str, command: Command, file: ShellFile | None) -> str:
    """Run `wc`; `file` is None for piped text."""
    lines = _count_lines(text)
    name = "" if file is None else f"  {file.filename}"
    if "l" in command.flags:
        return f"  {lines}{name}" if name else str(lines)
    return f"  {lines}  {_count_words(text)}  {len(text)}{name}"


def describe_file(text: str, file: ShellFile) -> str:
    """Run `stat`."""
    lines = [
        f"  File: {file.path}",
        f"    ID: {file.id}",
        f"  Size: {file.size or len(text):,} bytes",
        f"  Type: {file.meta.get('content_type', 'unknown')}",
        f" Lines: {_count_lines(text):,}",
        f" Words: {_count_words(text):,}",
        f" Chars: {len(text):,}",
    ]
    for label, seconds in (("Created", file.created_at), ("Updated", file.updated_at)):
        if moment := format_time(seconds, "%Y-%m-%d %H:%M:%S UTC"):
            lines.append(f"  {label}: {moment}")
    if file.knowledge_name:
        lines.append(f"      KB: {file.knowledge_name} ({file.knowledge_id})")
    return "\n".join(lines)


def _count_lines(text: str) -> int:
    return text.count("\n") + (1 if text and not text.endswith("\n") else 0)


def _count_words(text: str) -> int:
    return sum(len(text[start:end].split()) for _, start, end in iterate_lines(text))
