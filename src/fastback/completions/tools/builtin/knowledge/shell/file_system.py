"""The knowledge of a turn as a file system: each knowledge base is a tree of directories and files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fastback.completions.tools.builtin.knowledge.attached_items import list_ids
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.builtin.knowledge.shell.command_line import ShellError
from fastback.completions.turn import Turn
from fastback.features.files import store as file_store
from fastback.features.knowledge import directory_store
from fastback.features.knowledge.directory_paths import build_paths
from fastback.features.knowledge.directory_store import Directory
from fastback.features.knowledge.file_list_store import KnowledgeFileLists
from fastback.features.knowledge.store import Knowledge

#: Knowledge bases that a model without attached knowledge sees.
_MAX_KNOWLEDGE = 50


class ShellFile(msgspec.Struct):
    """A file; one that is attached by itself belongs to no knowledge base."""

    id: str
    filename: str
    path: str
    directory_id: str | None
    meta: dict[str, Any]
    created_at: int | None
    updated_at: int | None
    knowledge_id: str | None = None
    knowledge_name: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the file; 0 where unknown."""
        size = self.meta.get("size")
        return size if isinstance(size, int) else 0


class KnowledgeTree:
    """The directories and files of a knowledge base."""

    def __init__(self, knowledge: Knowledge, directories: list[Directory], files: list[ShellFile]) -> None:
        self.knowledge = knowledge
        self.directories = directories
        self.files = files
        self._paths = build_paths(directories)
        self._ids = {path: directory_id for directory_id, path in self._paths.items()}
        for file in files:
            path = self._paths.get(file.directory_id or "")
            if path is None:
                file.directory_id = None
            file.path = f"{path}/{file.filename}" if path else file.filename

    def find_directory(self, path: str) -> str | None:
        """Return the id of the directory with a path."""
        return self._ids.get(path)

    def list_subdirectories(self, parent_id: str | None) -> list[Directory]:
        """Return the directories directly below one, or at the top."""
        return [directory for directory in self.directories if directory.parent_id == parent_id]

    def list_level(self, directory_id: str | None) -> list[ShellFile]:
        """Return the files directly in a directory, or at the top."""
        return [file for file in self.files if file.directory_id == directory_id]

    def list_below(self, path: str) -> list[ShellFile]:
        """Return the files in a directory and in those below it."""
        return [file for file in self.files if file.directory_id is not None and file.path.startswith(f"{path}/")]


class FileSystem(msgspec.Struct):
    """What a turn's commands see."""

    trees: list[KnowledgeTree]
    attached: list[ShellFile]

    def list_files(self) -> list[ShellFile]:
        """Return all files; one in several knowledge bases comes several times."""
        return [*(file for tree in self.trees for file in tree.files), *self.attached]

    def list_below(self, path: str) -> list[ShellFile]:
        """Return the files in and below the directories with this path, in all knowledge bases."""
        return [file for tree in self.trees for file in tree.list_below(path)]

    def get_file(self, reference: str) -> ShellFile:
        """Return the file with an id, a path or a name.

        Raises:
            ShellError: there is no such file, or several have the name.
        """
        file = self.find_file(reference)
        if file is None:
            raise ShellError(f"File not found: {reference}")
        return file

    def find_file(self, reference: str) -> ShellFile | None:
        """Return the file with an id, a path or a name; None without one.

        Raises:
            ShellError: several have the name.
        """
        files = self.list_files()
        by_id = next((file for file in files if file.id == reference), None)
        if by_id is not None:
            return by_id
        path = reference.strip("/")
        matches = [file for file in files if "/" in path and file.path == path]
        matches = matches or [file for file in files if file.filename == reference]
        if len({file.id for file in matches}) > 1:
            lines = [f"  {file.id}  {file.path}  ({file.knowledge_name or 'attached'})" for file in matches]
            raise ShellError("\n".join([f'Ambiguous filename "{reference}". Name one of these by its id:', *lines]))
        return matches[0] if matches else None


class FileSystemLoader:
    """Loads what a turn's commands see: what is attached, or whatever the user may read."""

    def __init__(self, knowledge: ReadableKnowledge, lists: KnowledgeFileLists) -> None:
        self._knowledge = knowledge
        self._lists = lists

    async def load(self, turn: Turn) -> FileSystem:
        """Return the trees, without the texts of files."""
        if not turn.attached_knowledge:
            return FileSystem(
                await self._load_trees(await self._knowledge.list_page(turn.user, limit=_MAX_KNOWLEDGE)), []
            )
        rows = await file_store.list_files(self._knowledge.db, list_ids(turn.attached_knowledge, "file"))
        attached = [
            ShellFile(row.id, row.filename, row.filename, None, row.meta or {}, row.created_at, row.updated_at)
            for row in rows
        ]
        return FileSystem(await self._load_trees(await self._knowledge.list_attached(turn)), attached)

    async def _load_trees(self, rows: Iterable[Knowledge]) -> list[KnowledgeTree]:
        knowledge = {row.id: row for row in rows}
        files: dict[str, list[ShellFile]] = {}
        for entry in await self._lists.list_entries(list(knowledge)):
            row = knowledge[entry.knowledge_id]
            file = ShellFile(
                entry.id,
                entry.filename or "",
                "",
                entry.directory_id,
                entry.meta or {},
                entry.created_at,
                entry.updated_at,
                row.id,
                row.name,
            )
            files.setdefault(row.id, []).append(file)
        return [
            KnowledgeTree(
                row, await directory_store.list_directories(self._knowledge.db, row.id), files.get(row.id, [])
            )
            for row in knowledge.values()
        ]
