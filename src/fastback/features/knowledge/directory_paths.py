"""Paths of directories, computed from rows: `docs/api` for a directory `api` in a directory `docs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fastback.features.knowledge.directory_store import Directory


def list_breadcrumbs(directories: Mapping[str, Directory], directory_id: str | None) -> list[Directory]:
    """List the directories from the top to a directory, itself included; missing ones end the list."""
    breadcrumbs: list[Directory] = []
    seen: set[str] = set()
    current = directory_id
    while current and current in directories and current not in seen:
        seen.add(current)
        breadcrumbs.append(directories[current])
        current = directories[current].parent_id
    breadcrumbs.reverse()
    return breadcrumbs


def build_path(directories: Mapping[str, Directory], directory_id: str | None) -> str:
    """Return the path of a directory, such as `docs/api`; empty at the top."""
    return "/".join(directory.name for directory in list_breadcrumbs(directories, directory_id))


def build_paths(directories: Iterable[Directory]) -> dict[str, str]:
    """Return the path of each directory, by id."""
    by_id = {directory.id: directory for directory in directories}
    paths: dict[str, str] = {}
    for directory in by_id.values():
        # From a directory up to the first whose path is computed, and down again.
        chain: list[Directory] = []
        current: Directory | None = directory
        while current is not None and current.id not in paths and len(chain) <= len(by_id):
            chain.append(current)
            current = by_id.get(current.parent_id or "")
        path = paths.get(current.id, "") if current is not None else ""
        for ancestor in reversed(chain):
            path = f"{path}/{ancestor.name}" if path else ancestor.name
            paths[ancestor.id] = path
    return paths
