"""Paths of memories, such as `projects/garden`: normalising them, and searching along them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from fastback.features.memories.store import Memory
from fastback.kit.http.errors import BadRequest

#: Children that responses contain for a path, and for a group.
MAX_CHILDREN, MAX_GROUP_CHILDREN = 50, 20

#: The distance of two paths, the nearest first; `_FAR` if they have nothing in common.
Rank = tuple[int, int]
_FAR: Rank = (9, 0)
_SLASHES = re.compile("/+")


def normalise_path(path: str | None) -> str | None:
    """Return the normal form of a path, or None for an empty one.

    Raises:
        BadRequest: the path is invalid.
    """
    normalised = _SLASHES.sub("/", (path or "").strip().strip("/"))
    if not normalised:
        return None
    if any(part in (".", "..") for part in normalised.split("/")) or any(ord(char) < 32 for char in normalised):
        raise BadRequest("Invalid memory path")
    return normalised


def require_content(text: str | None) -> str:
    """Return the content of a memory, stripped.

    Raises:
        BadRequest: it is empty.
    """
    content = (text or "").strip()
    if not content:
        raise BadRequest("Memory content cannot be empty")
    return content


def split_path(path: str | None) -> list[str]:
    return [part for part in (path or "").split("/") if part]


def _is_below(path: str | None, ancestor: str) -> bool:
    return bool(path) and str(path).startswith(f"{ancestor}/")


def rank_path(path: str | None, target: str) -> Rank | None:
    """Return the distance of a path from the target: equal, below, above, sibling, with a common part; None: unrelated.

    Within each group the nearer come first.
    """
    if not path:
        return None
    path_parts, target_parts = split_path(path), split_path(target)
    if path == target:
        return (0, 0)
    if _is_below(path, target):
        return (1, len(path_parts) - len(target_parts))
    if _is_below(target, path):
        return (2, len(target_parts) - len(path_parts))
    if len(path_parts) > 1 and path_parts[:-1] == target_parts[:-1]:
        return (3, 0)
    shared_count = len(set(path_parts) & set(target_parts))
    return (4, -shared_count) if shared_count else None


def _contains_text(memory: Memory, query: str) -> bool:
    needle = query.strip().lower()
    return not needle or needle in memory.content.lower() or needle in (memory.path or "").lower()


def _filter_by_type(memories: Sequence[Memory], memory_type: str) -> list[Memory]:
    return [memory for memory in memories if memory_type in ("all", memory.type)]


def _clamp_limit(limit: int, default: int, maximum: int) -> int:
    return max(1, min(limit or default, maximum))


def search_memories(
    memories: Sequence[Memory],
    *,
    query: str | None = None,
    path: str | None = None,
    memory_id: str | None = None,
    memory_type: str = "all",
    limit: int = 20,
) -> list[Memory]:
    """List the memories that match all criteria, the nearest to the path first, then the newest.

    Raises:
        BadRequest: the path is invalid.
    """
    matches = [memory for memory in _filter_by_type(memories, memory_type) if not memory_id or memory.id == memory_id]
    near_path = normalise_path(path)
    if near_path is not None:
        matches = [memory for memory in matches if _is_near(memory, near_path)]
    matches = [memory for memory in matches if _contains_text(memory, query or "")]

    def build_sort_key(memory: Memory) -> tuple[Any, ...]:
        path_rank = rank_path(memory.path, near_path) if near_path is not None else None
        return (_FAR if path_rank is None else path_rank, -memory.updated_at, memory.id)

    return sorted(matches, key=build_sort_key)[: _clamp_limit(limit, 20, 100)]


def _is_near(memory: Memory, path: str) -> bool:
    """Return whether a memory's path is near a path, or the memory contains the path or its last part."""
    if rank_path(memory.path, path) is not None:
        return True
    text = f"{memory.path or ''}\n{memory.content}".lower()
    return path.lower() in text or split_path(path)[-1].lower() in text


def group_by_path(
    memories: Sequence[Memory], *, query: str = "", memory_type: str = "all", limit: int = 100
) -> dict[str, Any]:
    """List the paths of memories, each type separately, the most recently changed first."""
    groups: dict[tuple[str | None, str], dict[str, Any]] = {}
    for memory in _filter_by_type(memories, memory_type):
        if not _contains_text(memory, query):
            continue
        empty_group: dict[str, Any] = {
            "path": memory.path,
            "type": memory.type,
            "count": 0,
            "updated_at": 0,
            "children": [],
        }
        group = groups.setdefault((memory.path, memory.type), empty_group)
        group["count"] += 1
        group["updated_at"] = max(group["updated_at"], memory.updated_at)
    children: dict[str, dict[str, None]] = {}
    for path, _ in groups:
        steps = (path or "").split("/")
        for depth in range(1, len(steps)):
            children.setdefault("/".join(steps[:depth]), {})["/".join(steps[: depth + 1])] = None
    for group in groups.values():
        group["children"] = list(children.get(group["path"] or "", ()))[:MAX_GROUP_CHILDREN]
    ordered = sorted(groups.values(), key=lambda memory: memory["updated_at"], reverse=True)
    return {"paths": ordered[: _clamp_limit(limit, 100, 500)], "count": len(ordered)}


def browse_path(
    memories: Sequence[Memory],
    *,
    path: str,
    memory_type: str = "all",
    include_children: bool = True,
    limit: int = 50,
    show: Callable[[Memory], Any],
) -> dict[str, Any]:
    """Return the memories at a path, above it and, if `include_children` is set, below it.

    Raises:
        BadRequest: the path is missing or invalid.
    """
    normalised = normalise_path(path)
    if normalised is None:
        raise BadRequest("Memory path is required")
    typed = _filter_by_type(memories, memory_type)
    used_paths = {memory.path for memory in typed if memory.path}
    parts = split_path(normalised)
    parents = [ancestor for end in range(1, len(parts)) if (ancestor := "/".join(parts[:end])) in used_paths]
    depth = len(normalised.split("/")) + 1
    children = sorted(
        {"/".join(str(memory.path).split("/")[:depth]) for memory in typed if _is_below(memory.path, normalised)}
    )

    def build_sort_key(memory: Memory) -> tuple[int, int, int, str]:
        if memory.path == normalised:
            return (0, 0, -memory.updated_at, memory.id)
        if _is_below(memory.path, normalised):
            return (1, len(split_path(memory.path)), -memory.updated_at, memory.id)
        return (2, -len(split_path(memory.path)), -memory.updated_at, memory.id)

    selected = [
        memory
        for memory in typed
        if memory.path == normalised
        or memory.path in parents
        or (include_children and _is_below(memory.path, normalised))
    ]
    selected.sort(key=build_sort_key)
    return {
        "path": normalised,
        "parents": parents,
        "children": children[:MAX_CHILDREN],
        "memories": [show(memory) for memory in selected[: _clamp_limit(limit, 50, 100)]],
    }


def list_mentioned_paths(text: str, memories: Sequence[Memory], limit: int = 6) -> list[str]:
    """List the paths that a text mentions: in full, by their last part, or by a part of three letters or more."""
    lowered = text.lower()
    mentioned: list[str] = []
    for path in sorted({memory.path for memory in memories if memory.path}):
        parts = split_path(path)
        is_mentioned = path.lower() in lowered or (parts and parts[-1].lower() in lowered)
        if is_mentioned or any(len(part) >= 3 and part.lower() in lowered for part in parts):
            mentioned.append(path)
        if len(mentioned) >= limit:
            break
    return mentioned if lowered else []
