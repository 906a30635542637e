"""Where memories stand: paths such as `projects/garden`, and looking along them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from fastback.features.memories.store import Memory
from fastback.kit.http.errors import BadRequest

#: Children that are told of a path.
MOST_CHILDREN, MOST_NAMED = 50, 20

#: How near two paths are, the nearest first; `_FAR` where they have nothing in common.
Rank = tuple[int, int]
_FAR: Rank = (9, 0)
_SLASHES = re.compile("/+")


def cleaned(path: str | None) -> str | None:
    """A path in its one form; None for no place. Raises: BadRequest, for what is no path."""
    found = _SLASHES.sub("/", (path or "").strip().strip("/"))
    if not found:
        return None
    if any(part in (".", "..") for part in found.split("/")) or any(ord(char) < 32 for char in found):
        raise BadRequest("Invalid memory path")
    return found


def content_of(text: str | None) -> str:
    """What a memory says. Raises: BadRequest, where it says nothing."""
    found = (text or "").strip()
    if not found:
        raise BadRequest("Memory content cannot be empty")
    return found


def parts(path: str | None) -> list[str]:
    return [part for part in (path or "").split("/") if part]


def _within(path: str | None, above: str) -> bool:
    return bool(path) and str(path).startswith(f"{above}/")


def rank(path: str | None, looked_for: str) -> Rank | None:
    """How near a path is to the one looked for: it, below it, above it, beside it, a part in common; None: not at all.

    Within each the nearer come first.
    """
    if not path:
        return None
    ours, theirs = parts(path), parts(looked_for)
    if path == looked_for:
        return (0, 0)
    if _within(path, looked_for):
        return (1, len(ours) - len(theirs))
    if _within(looked_for, path):
        return (2, len(theirs) - len(ours))
    if len(ours) > 1 and ours[:-1] == theirs[:-1]:
        return (3, 0)
    shared = len(set(ours) & set(theirs))
    return (4, -shared) if shared else None


def _says(memory: Memory, words: str) -> bool:
    wanted = words.strip().lower()
    return not wanted or wanted in memory.content.lower() or wanted in (memory.path or "").lower()


def _of_kind(memories: Sequence[Memory], kind: str) -> list[Memory]:
    return [one for one in memories if kind in ("all", one.type)]


def _within_limits(limit: int, otherwise: int, most: int) -> int:
    return max(1, min(limit or otherwise, most))


def search(
    memories: Sequence[Memory],
    *,
    query: str | None = None,
    path: str | None = None,
    memory_id: str | None = None,
    kind: str = "all",
    limit: int = 20,
) -> list[Memory]:
    """The memories that say or are what is looked for, the nearest to the path first, then the newest.

    Raises:
        BadRequest: what is no path.
    """
    found = [one for one in _of_kind(memories, kind) if not memory_id or one.id == memory_id]
    near = cleaned(path)
    if near is not None:
        found = [one for one in found if _near(one, near)]
    found = [one for one in found if _says(one, query or "")]

    def order(one: Memory) -> tuple[Any, ...]:
        place = rank(one.path, near) if near is not None else None
        return (_FAR if place is None else place, -one.updated_at, one.id)

    return sorted(found, key=order)[: _within_limits(limit, 20, 100)]


def _near(memory: Memory, path: str) -> bool:
    """Whether a memory stands near a path, or speaks of it or of its last part."""
    if rank(memory.path, path) is not None:
        return True
    text = f"{memory.path or ''}\n{memory.content}".lower()
    return path.lower() in text or parts(path)[-1].lower() in text


def groups(memories: Sequence[Memory], *, query: str = "", kind: str = "all", limit: int = 100) -> dict[str, Any]:
    """The places where memories stand, those of each kind apart, the one changed last first."""
    found: dict[tuple[str | None, str], dict[str, Any]] = {}
    for one in _of_kind(memories, kind):
        if not _says(one, query):
            continue
        empty: dict[str, Any] = {"path": one.path, "type": one.type, "count": 0, "updated_at": 0, "children": []}
        group = found.setdefault((one.path, one.type), empty)
        group["count"] += 1
        group["updated_at"] = max(group["updated_at"], one.updated_at)
    below: dict[str, dict[str, None]] = {}
    for path, _ in found:
        steps = (path or "").split("/")
        for depth in range(1, len(steps)):
            below.setdefault("/".join(steps[:depth]), {})["/".join(steps[: depth + 1])] = None
    for group in found.values():
        group["children"] = list(below.get(group["path"] or "", ()))[:MOST_NAMED]
    ordered = sorted(found.values(), key=lambda one: one["updated_at"], reverse=True)
    return {"paths": ordered[: _within_limits(limit, 100, 500)], "count": len(ordered)}


def place(
    memories: Sequence[Memory],
    *,
    path: str,
    kind: str = "all",
    include_children: bool = True,
    limit: int = 50,
    show: Callable[[Memory], Any],
) -> dict[str, Any]:
    """What stands at a path, below it where that is wanted, and above it.

    Raises:
        BadRequest: no path, or what is none.
    """
    here = cleaned(path)
    if here is None:
        raise BadRequest("Memory path is required")
    known = _of_kind(memories, kind)
    taken = {one.path for one in known if one.path}
    steps = parts(here)
    parents = [above for end in range(1, len(steps)) if (above := "/".join(steps[:end])) in taken]
    depth = len(here.split("/")) + 1
    children = sorted({"/".join(str(one.path).split("/")[:depth]) for one in known if _within(one.path, here)})

    def order(one: Memory) -> tuple[int, int, int, str]:
        if one.path == here:
            return (0, 0, -one.updated_at, one.id)
        if _within(one.path, here):
            return (1, len(parts(one.path)), -one.updated_at, one.id)
        return (2, -len(parts(one.path)), -one.updated_at, one.id)

    chosen = [
        one
        for one in known
        if one.path == here or one.path in parents or (include_children and _within(one.path, here))
    ]
    chosen.sort(key=order)
    return {
        "path": here,
        "parents": parents,
        "children": children[:MOST_CHILDREN],
        "memories": [show(one) for one in chosen[: _within_limits(limit, 50, 100)]],
    }


def hints(text: str, memories: Sequence[Memory], limit: int = 6) -> list[str]:
    """The paths that a text speaks of: whole, by their last part, or by a part of three letters at least."""
    lowered = text.lower()
    found: list[str] = []
    for path in sorted({one.path for one in memories if one.path}):
        steps = parts(path)
        spoken = path.lower() in lowered or (steps and steps[-1].lower() in lowered)
        if spoken or any(len(part) >= 3 and part.lower() in lowered for part in steps):
            found.append(path)
        if len(found) >= limit:
            break
    return found if lowered else []
