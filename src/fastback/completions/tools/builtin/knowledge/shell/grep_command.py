"""`grep`: lines that match a pattern, in a text, a file, a directory, or everywhere."""

from __future__ import annotations

import asyncio

import msgspec

from fastback.completions.tools.builtin.knowledge.file_search import SearchedFile, search_files
from fastback.completions.tools.builtin.knowledge.shell.command_line import Command, ShellError
from fastback.completions.tools.builtin.knowledge.shell.file_system import FileSystem, ShellFile
from fastback.completions.tools.builtin.knowledge.text_matcher import TextMatcher, TimeBudget
from fastback.features.files import store
from fastback.kit.db import Database

#: Matching lines of one text that go into a pipe or out.
_MAX_LINES = 10_000


class GrepLimits(msgspec.Struct, frozen=True):
    """How many files one search reads, and how many lines of several files it returns."""

    files: int
    lines: int


class _Scope(msgspec.Struct):
    """What the arguments behind the pattern select."""

    reference: str = ""
    path: str = ""
    extension: str = ""


class GrepCommand:
    """Runs `grep`."""

    def __init__(self, db: Database, limits: GrepLimits) -> None:
        self._db = db
        self._limits = limits

    async def run(self, system: FileSystem, command: Command, piped: str | None, budget: TimeBudget) -> str:
        """Return the matching lines; `-l`: the files; `-c`: the counts; `-i` and `-E` as usual.

        Raises:
            ShellError, ToolError: the command is invalid, its files do not exist, or the time is over.
        """
        if not command.arguments:
            raise ShellError('Usage: grep [-E] [-i] [-l] [-c] "pattern" [file] [docs/] [*.ext]')
        pattern = command.arguments[0]
        matcher = TextMatcher(pattern, ignores_case="i" in command.flags, is_regex="E" in command.flags, budget=budget)
        if piped is not None:
            return await self._search_text(piped, None, command, matcher)
        scope = _read_scope(command.arguments[1:])
        if scope.reference and not scope.path:
            file = system.find_file(scope.reference)
            if file is not None:
                return await self._search_text(await store.find_text(self._db, file.id) or "", file, command, matcher)
            scope.path = scope.reference.strip("/")
        files = system.list_below(scope.path) if scope.path else system.list_files()
        if scope.path and not files:
            raise ShellError(f'No files found under "{scope.path}/"')
        if scope.extension:
            files = [file for file in files if file.filename.endswith(f".{scope.extension}")]
        return await self._search_files(files, command, matcher)

    async def _search_text(self, text: str, file: ShellFile | None, command: Command, matcher: TextMatcher) -> str:
        matches = await asyncio.to_thread(matcher.find_matches, text, _MAX_LINES)
        name = "(standard input)" if file is None else f"{file.id}  {file.filename}"
        if "c" in command.flags:
            return str(matches.count) if file is None else f"{name}: {matches.count}"
        if not matches.count:
            where = "" if file is None or "l" in command.flags else f" in {file.filename}"
            return f'No matches for "{command.arguments[0]}"{where}'
        if "l" in command.flags:
            return name
        return "\n".join(f"{line.number}: {line.text}" for line in matches.lines)

    async def _search_files(self, files: list[ShellFile], command: Command, matcher: TextMatcher) -> str:
        unique = list(dict.fromkeys(SearchedFile(file.id, file.filename) for file in files))
        pattern = command.arguments[0]
        if len(unique) > self._limits.files:
            raise ShellError(f'Too many files ({len(unique)}). Search fewer: grep "{pattern}" docs/ or "*.md"')
        is_short = bool(command.flags & {"c", "l"})
        results = await search_files(self._db, unique, matcher, 0 if is_short else self._limits.lines)
        if not results:
            return f'No matches for "{pattern}"' + ("" if is_short else f" across {len(unique)} files")
        total = sum(matches.count for _, matches in results)
        if "c" in command.flags:
            counts = [f"{file.id}  {file.filename}: {matches.count}" for file, matches in results]
            return "\n".join([*counts, f"Total: {total} matches in {len(results)} files"])
        if "l" in command.flags:
            return "\n".join(f"{file.id}  {file.filename}" for file, _ in results)
        lines = [
            f"{file.id}  {file.filename}:{line.number}: {line.text.rstrip()}"
            for file, matches in results
            for line in matches.lines
        ]
        return "\n".join([*lines, f"[showing {len(lines)} of {total} matches]"] if total > len(lines) else lines)


def _read_scope(arguments: list[str]) -> _Scope:
    scope = _Scope()
    for argument in arguments:
        if "*" in argument or argument.startswith("."):
            scope.extension = argument.lstrip("*").lstrip(".")
        elif argument.endswith("/"):
            scope.path = argument.strip("/")
        else:
            scope.reference = argument
    return scope
