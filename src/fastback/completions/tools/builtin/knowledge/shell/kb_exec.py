"""The tool `kb_exec`: run a line of commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinTool, text
from fastback.completions.tools.builtin.knowledge.shell import listings, text_commands
from fastback.completions.tools.builtin.knowledge.shell.command_line import Command, ShellError, parse_pipe
from fastback.completions.tools.builtin.knowledge.shell.file_system import FileSystem, FileSystemLoader, ShellFile
from fastback.completions.tools.builtin.knowledge.shell.grep_command import GrepCommand, GrepLimits
from fastback.completions.tools.builtin.knowledge.text_matcher import TimeBudget
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.features.files import store
from fastback.kit.db import Database
from fastback.settings import Settings

_DESCRIPTION = """Look into knowledge bases with the commands of a shell. Files are named by path, by name or by id.
ls [docs/] [-a all files with paths] [-t newest first] [-S largest first] [-r reversed]; tree [docs/];
find [docs/] "*.md"; cat [-n] FILE; head -20 FILE; tail -20 FILE; sed -n '40,60p' FILE; wc [-l] FILE; stat FILE;
grep [-i] [-l] [-c] [-E] "text or regular expression" [FILE | docs/ | *.md].
Commands may be piped: grep "auth" | head -5. Begin with ls."""

_LISTINGS: dict[str, Callable[[FileSystem, Command], str]] = {
    "ls": listings.list_directory,
    "tree": listings.show_tree,
    "find": listings.find_files,
}
_TEXT_COMMANDS: dict[str, Callable[[str, Command, ShellFile | None], str]] = {
    "head": text_commands.show_head,
    "tail": text_commands.show_tail,
    "sed": text_commands.show_range,
    "wc": text_commands.count_words,
}
_NAMES = sorted([*_LISTINGS, *_TEXT_COMMANDS, "cat", "grep", "stat"])


class KnowledgeShell:
    """Runs lines of commands."""

    def __init__(self, *, db: Database, loader: FileSystemLoader, settings: Settings) -> None:
        self._db = db
        self._loader = loader
        limits = GrepLimits(settings.kb_exec_max_grep_files, settings.knowledge_grep_max_matches)
        self._grep = GrepCommand(db, limits)
        self._max_output = settings.kb_exec_max_output_chars

    def build_tool(self) -> BuiltinTool:
        return BuiltinTool("kb_exec", _DESCRIPTION, [text("command", "The line of commands")], self._run)

    async def _run(self, arguments: Arguments, context: ToolCallContext) -> str:
        commands = parse_pipe(arguments.text("command"))
        if not commands:
            return 'Usage: kb_exec("<command>"). Run kb_exec("ls") to start.'
        system = await self._loader.load(context.turn)
        budget = TimeBudget()
        output: str | None = None
        try:
            for command in commands:
                output = await self._run_command(system, command, output, budget)
        except ShellError as error:
            output = str(error)
        except ToolError as error:
            output = f"Error: {error}"
        output = output or ""
        if len(output) > self._max_output:
            note = f"[output truncated at {self._max_output:,} chars; narrow it by a path, head, tail, sed or grep]"
            output = f"{output[: self._max_output]}\n{note}"
        return output

    async def _run_command(self, system: FileSystem, command: Command, piped: str | None, budget: TimeBudget) -> str:
        if command.name in _LISTINGS:
            return await asyncio.to_thread(_LISTINGS[command.name], system, command)
        if command.name == "grep":
            return await self._grep.run(system, command, piped, budget)
        if command.name in _TEXT_COMMANDS:
            run = _TEXT_COMMANDS[command.name]
            if piped is not None:
                return await asyncio.to_thread(run, piped, command, None)
            file, content = await self._read_file(system, command)
            return await asyncio.to_thread(run, content, command, file)
        if command.name in ("cat", "stat"):
            file, content = await self._read_file(system, command)
            if command.name == "stat":
                return await asyncio.to_thread(text_commands.describe_file, content, file)
            return await asyncio.to_thread(text_commands.number_lines, content) if "n" in command.flags else content
        raise ShellError(f"Unknown command: {command.name}. Available: {', '.join(_NAMES)}")

    async def _read_file(self, system: FileSystem, command: Command) -> tuple[ShellFile, str]:
        """Return the file that a command names, and its text.

        Raises:
            ShellError: it names none that exists.
        """
        # `sed` has a range, `head -n 20` a number before the file.
        if command.name in ("head", "tail") and "n" in command.flags and len(command.arguments) > 1:
            number, *command.arguments = command.arguments
            command.number = int(number[:12]) if number.isascii() and number.isdigit() else command.number
        if not command.arguments:
            raise ShellError(f"Usage: {command.name} <file>")
        file = system.get_file(command.arguments[-1])
        return file, await store.find_text(self._db, file.id) or ""
