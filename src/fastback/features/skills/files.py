"""The files of a skill: their paths, their limits, operations on them.

Paths are only names: nothing is written to disk.
Problems are raised as `ValueError`; its message is for the user who sent the files.
"""

from __future__ import annotations

import base64
from pathlib import PurePosixPath
from typing import Any

from fastback.features.skills.schemas import FileOperation, SkillFile

#: Size limits of a file and of all files of a skill (bytes).
LARGEST_FILE = 10 * 1024**2
LARGEST_SKILL = 50 * 1024**2
MAX_FILES = 1000
#: The file that every skill must have.
MAIN_FILE = "SKILL.md"


def require_valid_path(path: str) -> str:
    """Return a path if it is valid inside a skill.

    Raises:
        ValueError: it is absolute, leaves the skill, or means different files on different systems.
    """
    if not path or path.startswith("/") or any(char in path for char in "\\\0:"):
        raise ValueError("File paths must be relative POSIX paths")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("Invalid file path")
    return path


def decode_content(file: SkillFile) -> bytes:
    """Return the content of a file as bytes.

    Raises:
        ValueError: it is not base64.
    """
    if file.encoding == "base64":
        return base64.b64decode(file.content, validate=True)
    return file.content.encode()


def get_size(file: SkillFile) -> int:
    """Return the size of a file (bytes).

    Raises:
        ValueError: its content is not base64.
    """
    return len(decode_content(file)) if file.encoding else len(file.content.encode())


def build_file(path: str, content: bytes) -> SkillFile:
    """Return a file with the given content: as text if it is UTF-8 without NUL, else as base64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return SkillFile(path, base64.b64encode(content).decode(), "base64")
    return SkillFile(path, text)


def validate_files(files: list[SkillFile], previous: list[SkillFile] | None = None) -> list[SkillFile]:
    """Return the files of a skill sorted by path.

    A skill or file of `previous` that already exceeds a limit may stay at its size, but may not grow.

    Raises:
        ValueError: a limit is exceeded, a path occurs twice, a file is also a folder, or the main file is missing.
    """
    previous_files = {file.path: file for file in previous or ()}
    if len(files) > max(MAX_FILES, len(previous_files)):
        raise ValueError(f"A skill may contain at most {MAX_FILES} files")
    sizes: dict[str, int] = {}
    for file in files:
        path = require_valid_path(file.path)
        if path in sizes:
            raise ValueError(f"Duplicate file: {path}")
        sizes[path] = get_size(file)
        if sizes[path] > LARGEST_FILE and (path not in previous_files or sizes[path] > get_size(previous_files[path])):
            raise ValueError(f"File exceeds 10 MiB: {path}")
    total = sum(sizes.values())
    if total > LARGEST_SKILL and total > sum(get_size(file) for file in previous_files.values()):
        raise ValueError("Skill exceeds 50 MiB")
    for path in sizes:
        if any(str(parent) in sizes for parent in PurePosixPath(path).parents):
            raise ValueError(f"A file is also used as a directory: {path}")
    if not any(file.path == MAIN_FILE and not file.encoding for file in files):
        raise ValueError("A skill requires a UTF-8 SKILL.md at its root")
    return sorted(files, key=lambda file: file.path)


def get_main_text(files: list[SkillFile]) -> str:
    """Return the instructions: the text of the main file."""
    return next(file.content for file in files if file.path == MAIN_FILE)


def find_file(files: list[SkillFile], path: str) -> SkillFile | None:
    """Return the file with a path, or None."""
    return next((file for file in files if file.path == path), None)


def summarize_files(files: list[SkillFile]) -> list[dict[str, Any]]:
    """Return path, size and encoding of each file."""
    return [{"path": file.path, "size": get_size(file), "encoding": file.encoding} for file in files]


def apply_operations(files: list[SkillFile], operations: list[FileOperation]) -> list[SkillFile]:
    """Return the files after some operations.

    Raises:
        ValueError: as `validate_files`, or an operation concerns a missing file or the main file.
    """
    result = {file.path: file for file in files}
    for operation in operations:
        path = require_valid_path(operation.path)
        if operation.op == "put":
            if operation.content is None:
                raise ValueError("put requires content")
            result[path] = SkillFile(path, operation.content, operation.encoding)
            continue
        if path == MAIN_FILE:
            raise ValueError("SKILL.md cannot be moved or deleted")
        matches = {
            old_path: result[old_path] for old_path in result if old_path == path or old_path.startswith(path + "/")
        }
        if not matches:
            raise ValueError(f"File or directory not found: {path}")
        moved: dict[str, SkillFile] = {}
        if operation.op == "move":
            destination = require_valid_path(operation.destination or "")
            if destination.startswith(path + "/"):
                raise ValueError("Cannot move a directory into itself")
            for old_path, file in matches.items():
                new_path = destination + old_path.removeprefix(path)
                moved[new_path] = SkillFile(new_path, file.content, file.encoding)
            if any(new_path in result and new_path not in matches for new_path in moved):
                raise ValueError("Move would overwrite an existing file")
        result = {old_path: file for old_path, file in result.items() if old_path not in matches} | moved
    return validate_files([*result.values()], files)
