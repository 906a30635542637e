"""`ls`, `tree` and `find`: what there is."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Iterable

from fastback.completions.tools.builtin.knowledge.shell.command_line import Command, ShellError
from fastback.completions.tools.builtin.knowledge.shell.file_system import FileSystem, KnowledgeTree, ShellFile


def list_directory(system: FileSystem, command: Command) -> str:
    """Run `ls`: the top or a directory of each knowledge base, a knowledge base by its id, or all files (`-a`)."""
    _require_content(system)
    reference = command.arguments[0] if command.arguments else ""
    selected = [tree for tree in system.trees if tree.knowledge.id == reference]
    path = "" if selected else reference.strip("/")
    lines: list[str] = []
    for tree in selected or system.trees:
        lines += [*_describe_knowledge(tree), *_list_tree(tree, path, command), ""]
    if system.attached and not reference:
        lines += ["Attached Files:", *_list_files(system.attached, command)]
    return "\n".join(lines).rstrip()


def _list_tree(tree: KnowledgeTree, path: str, command: Command) -> list[str]:
    if "a" in command.flags:
        return _list_files(tree.files, command, full_paths=True)
    directory_id = tree.find_directory(path) if path else None
    if path and directory_id is None:
        return [f"  Directory not found: {path}"]
    lines = [f"  Path: {path}/"] if path else []
    lines += [f"  📁 {directory.name}/" for directory in tree.list_subdirectories(directory_id)]
    lines += _list_files(tree.list_level(directory_id), command)
    return lines if len(lines) > bool(path) else [*lines, "  (empty)"]


def show_tree(system: FileSystem, command: Command) -> str:
    """Run `tree`: directories with everything in them."""
    _require_content(system)
    path = command.arguments[0].strip("/") if command.arguments else ""
    lines: list[str] = []
    for tree in system.trees:
        lines += _describe_knowledge(tree)
        directory_id = tree.find_directory(path) if path else None
        if path and directory_id is None:
            lines += [f"  Directory not found: {path}", ""]
            continue
        lines += [f"  {path}/"] if path else []
        lines += _draw_level(tree, directory_id, "  ", command)
        lines += ["", f"  {len(tree.directories)} directories, {len(tree.files)} files", ""]
    if system.attached and not path:
        files = sort_files(system.attached, command)
        last = len(files) - 1
        branches = [f"  {'└── ' if index == last else '├── '}{file.filename}" for index, file in enumerate(files)]
        lines += ["Attached Files:", *branches, "", f"  0 directories, {len(files)} files"]
    return "\n".join(lines).rstrip()


def _draw_level(tree: KnowledgeTree, directory_id: str | None, prefix: str, command: Command) -> list[str]:
    entries: list[tuple[str, str | None]] = [
        (f"📁 {directory.name}/", directory.id) for directory in tree.list_subdirectories(directory_id)
    ]
    entries += [(file.filename, None) for file in sort_files(tree.list_level(directory_id), command)]
    lines: list[str] = []
    for index, (label, below_id) in enumerate(entries):
        is_last = index == len(entries) - 1
        lines.append(f"{prefix}{'└── ' if is_last else '├── '}{label}")
        if below_id is not None:
            lines += _draw_level(tree, below_id, prefix + ("    " if is_last else "│   "), command)
    return lines


def find_files(system: FileSystem, command: Command) -> str:
    """Run `find`: files whose name fits a pattern, in all knowledge bases or below a directory."""
    arguments = command.arguments
    if not arguments:
        raise ShellError('Usage: find "*.md" or find docs/ "*.md"')
    path = arguments[0].strip("/") if len(arguments) > 1 else ""
    pattern = arguments[1] if len(arguments) > 1 else arguments[0]
    files = system.list_below(path) if path else system.list_files()
    matches = [file for file in files if fnmatch.fnmatchcase(file.filename, pattern)]
    if not matches:
        scope = f' under "{path}/"' if path else ""
        return f'No files matching "{pattern}"{scope}'
    return "\n".join(
        f"{file.id}  {file.filename}" + (f" ({file.knowledge_name})" if file.knowledge_name else "")
        for file in sort_files(matches, command)
    )


def sort_files(files: Iterable[ShellFile], command: Command) -> list[ShellFile]:
    """Return files by path; `-t`: newest first; `-S`: largest first; `-r`: the other way round."""
    if "t" in command.flags:
        ordered = sorted(files, key=lambda file: file.updated_at or 0, reverse=True)
    elif "S" in command.flags:
        ordered = sorted(files, key=lambda file: file.size, reverse=True)
    else:
        ordered = sorted(files, key=lambda file: file.path)
    return ordered[::-1] if "r" in command.flags else ordered


def _list_files(files: Iterable[ShellFile], command: Command, *, full_paths: bool = False) -> list[str]:
    return [
        f"  {file.id}  {file.path if full_paths else file.filename}  {f'{file.size:,} bytes' if file.size else ''}  "
        f"{format_time(file.updated_at, '%Y-%m-%d')}"
        for file in sort_files(files, command)
    ]


def format_time(seconds: int | None, form: str) -> str:
    """Return a time in UTC; an empty text without one."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime(form) if seconds else ""
    except (OverflowError, ValueError, OSError):
        return ""


def _describe_knowledge(tree: KnowledgeTree) -> list[str]:
    knowledge = tree.knowledge
    header = f"Knowledge Base: {knowledge.name} ({knowledge.id})"
    return [header, f"  {knowledge.description}"] if knowledge.description else [header]


def _require_content(system: FileSystem) -> None:
    if not system.trees and not system.attached:
        raise ShellError("No knowledge bases found.")
