"""The files of a skill: their paths, their limits, changes of them. Paths are names alone: nothing is written to disk.

What is wrong is a `ValueError` whose text is for the person who sent the files.
"""

from __future__ import annotations

import base64
from pathlib import PurePosixPath
from typing import Any

from fastback.features.skills.schemas import FileOperation, SkillFile

#: The longest file, and the most that a skill may hold (bytes).
LONGEST_FILE = 10 * 1024**2
LARGEST_SKILL = 50 * 1024**2
MOST_FILES = 1000
#: The file that every skill has.
MAIN = "SKILL.md"


def checked_path(path: str) -> str:
    """A path inside a skill.

    Raises:
        ValueError: an absolute one, one that leaves the skill, or one that systems read differently.
    """
    if not path or path.startswith("/") or any(char in path for char in "\\\0:"):
        raise ValueError("File paths must be relative POSIX paths")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("Invalid file path")
    return path


def content_of(file: SkillFile) -> bytes:
    """Raises: ValueError, for what is no base64."""
    if file.encoding == "base64":
        return base64.b64decode(file.content, validate=True)
    return file.content.encode()


def size_of(file: SkillFile) -> int:
    """The length of a file (bytes). Raises: ValueError, for what is no base64."""
    return len(content_of(file)) if file.encoding else len(file.content.encode())


def file_of(path: str, content: bytes) -> SkillFile:
    """A file out of bytes: as text where they are text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return SkillFile(path, base64.b64encode(content).decode(), "base64")
    return SkillFile(path, text)


def checked(files: list[SkillFile], previous: list[SkillFile] | None = None) -> list[SkillFile]:
    """The files of a skill, by path. What was larger before the limits came may stay as it is.

    Raises:
        ValueError: too many or too large, a path twice, a file where a folder is, or no main file.
    """
    before = {file.path: file for file in previous or ()}
    if len(files) > max(MOST_FILES, len(before)):
        raise ValueError(f"A skill may contain at most {MOST_FILES} files")
    sizes: dict[str, int] = {}
    for file in files:
        path = checked_path(file.path)
        if path in sizes:
            raise ValueError(f"Duplicate file: {path}")
        sizes[path] = size_of(file)
        if sizes[path] > LONGEST_FILE and (path not in before or sizes[path] > size_of(before[path])):
            raise ValueError(f"File exceeds 10 MiB: {path}")
    total = sum(sizes.values())
    if total > LARGEST_SKILL and total > sum(size_of(file) for file in before.values()):
        raise ValueError("Skill exceeds 50 MiB")
    for path in sizes:
        if any(str(parent) in sizes for parent in PurePosixPath(path).parents):
            raise ValueError(f"A file is also used as a directory: {path}")
    if not any(file.path == MAIN and not file.encoding for file in files):
        raise ValueError("A skill requires a UTF-8 SKILL.md at its root")
    return sorted(files, key=lambda file: file.path)


def main_text(files: list[SkillFile]) -> str:
    """The instructions: what the main file holds."""
    return next(file.content for file in files if file.path == MAIN)


def found(files: list[SkillFile], path: str) -> SkillFile | None:
    return next((file for file in files if file.path == path), None)


def summaries(files: list[SkillFile]) -> list[dict[str, Any]]:
    """What lists tell of files."""
    return [{"path": file.path, "size": size_of(file), "encoding": file.encoding} for file in files]


def changed(files: list[SkillFile], operations: list[FileOperation]) -> list[SkillFile]:
    """The files after some changes.

    Raises:
        ValueError: as `checked`, and for a change of what is not there or must stay.
    """
    result = {file.path: file for file in files}
    for operation in operations:
        path = checked_path(operation.path)
        if operation.op == "put":
            if operation.content is None:
                raise ValueError("put requires content")
            result[path] = SkillFile(path, operation.content, operation.encoding)
            continue
        if path == MAIN:
            raise ValueError("SKILL.md cannot be moved or deleted")
        matched = {old: result[old] for old in result if old == path or old.startswith(path + "/")}
        if not matched:
            raise ValueError(f"File or directory not found: {path}")
        moved: dict[str, SkillFile] = {}
        if operation.op == "move":
            destination = checked_path(operation.destination or "")
            if destination.startswith(path + "/"):
                raise ValueError("Cannot move a directory into itself")
            for old, file in matched.items():
                new = destination + old.removeprefix(path)
                moved[new] = SkillFile(new, file.content, file.encoding)
            if any(new in result and new not in matched for new in moved):
                raise ValueError("Move would overwrite an existing file")
        result = {old: file for old, file in result.items() if old not in matched} | moved
    return checked([*result.values()], files)
