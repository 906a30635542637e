"""JSON of megabytes: read, taken apart, changed and sent so that no step of it holds the event loop.

A decoder reads a text in one call, and a copy of bytes is one call as well; while it runs, no other thread does. So the
bytes are in mapped memory, which is filled in slices and given back to the system at once, and another process finds
where the members of the objects are.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import IO, Any, ClassVar

import msgspec

from fastback.kit.memory_allocator import populate_memory
from fastback.kit.pacing import let_others_run
from fastback.kit.workers.errors import JobFailed, WorkerDied
from fastback.kit.workers.pool import Limits, WorkerPool

log = logging.getLogger("fastback.json")

#: Bytes from which JSON counts as large: less of it is decoded and copied within milliseconds.
LARGE_SIZE = 512 * 1024
#: Bytes that one call copies.
SLICE_SIZE = 256 * 1024

_LIMITS = Limits(processes=1, seconds=60, idle=20, jobs=100)

#: Options of a mapping, where the system has them, by which it is no shared memory.
_PRIVATE: dict[str, int] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}

Buffer = bytes | bytearray | memoryview | msgspec.Raw
Span = tuple[int, int]


def create_workers() -> WorkerPool:
    """Return the processes that `find_members` needs; none runs before the first large JSON."""
    return WorkerPool("fastback.kit.large_json_worker", _LIMITS, name="large JSON")


def map_memory(size: int) -> memoryview:
    """Return memory of its own mapping, which is given back when nothing refers to it any more.

    It has large pages where the system grants them: megabytes of small ones take milliseconds to give back, during
    which no thread runs. The mapping is private, as large pages of shared memory are rarely granted. Its pages
    are provided at once: call it in a thread.
    """
    mapped = mmap.mmap(-1, size, **_PRIVATE)
    if size > LARGE_SIZE and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):
            mapped.madvise(mmap.MADV_HUGEPAGE)
        populate_memory(mapped, size)
    return memoryview(mapped)


def join_parts(parts: Sequence[Buffer]) -> memoryview:
    """Return the parts as one, in mapped memory; copies in slices."""
    views = [memoryview(part) for part in parts]
    joined = map_memory(max(1, sum(len(view) for view in views)))
    position = 0
    for view in views:
        for piece in iterate_slices(view):
            joined[position : position + len(piece)] = piece
            position += len(piece)
    return joined[:position]


def collect_slices(iterate: Callable[[], Iterable[Buffer]]) -> memoryview:
    """Return parts as one, in mapped memory; they are made twice, so that no two copies of all exist at once."""
    collected = map_memory(max(1, sum(len(memoryview(part)) for part in iterate())))
    position = 0
    for content in regroup_parts(iterate()):
        collected[position : position + len(content)] = content
        position += len(content)
    return collected[:position]


def regroup_parts(parts: Iterable[Buffer]) -> Iterator[bytes]:
    """Yield the parts of a text in slices that one call may copy; small parts are joined."""
    group: list[memoryview] = []
    size = 0
    for part in parts:
        for content in iterate_slices(part):
            group.append(content)
            size += len(content)
            if size >= SLICE_SIZE // 2:
                yield b"".join(group)
                group, size = [], 0
    if group:
        yield b"".join(group)


async def send_slices(content: bytes) -> AsyncIterator[bytes]:
    """Yield the content in slices, between which the event loop runs."""
    for piece in iterate_slices(content):
        yield bytes(piece)
        await let_others_run()


def iterate_slices(content: Buffer) -> Iterator[memoryview]:
    """Yield the content in slices that one call may copy."""
    view = memoryview(content)
    for start in range(0, len(view), SLICE_SIZE):
        yield view[start : start + SLICE_SIZE]


async def find_members(workers: WorkerPool, content: Buffer, path: Iterable[str]) -> list[dict[str, msgspec.Raw]]:
    """Return the members of a JSON object, and of the objects at a path in it, encoded.

    The list ends where the path leads to no object; it is empty if the content is no object.
    """
    view = memoryview(content)
    file = _open_file()
    try:
        await asyncio.to_thread(_write_slices, file.fileno(), view)
        job = {"path": f"/proc/{os.getpid()}/fd/{file.fileno()}", "members": list(path)}
        try:
            levels: list[dict[str, Span]] = await workers.run_job(job)
        except (JobFailed, WorkerDied) as error:
            log.warning("reading JSON of %d bytes in another process failed, reading it here: %s", len(view), error)
            return await asyncio.to_thread(decode_members, view, path)
    finally:
        asyncio.get_running_loop().run_in_executor(None, file.close)  # freeing megabytes takes milliseconds
    return [{name: msgspec.Raw(view[start:end]) for name, (start, end) in members.items()} for members in levels]


def _open_file() -> IO[bytes]:
    """Return a file in memory, where the system has such files."""
    return os.fdopen(os.memfd_create("json"), "wb") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


def _write_slices(descriptor: int, view: memoryview) -> None:
    for piece in iterate_slices(view):
        os.write(descriptor, piece)


_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_members(content: Buffer, path: Iterable[str]) -> list[dict[str, msgspec.Raw]]:
    """Return what `find_members` returns, decoded in the calling thread."""
    levels: list[dict[str, msgspec.Raw]] = []
    try:
        levels.append(_object_decoder.decode(content))
        for name in path:
            if name not in levels[-1]:
                break
            levels.append(_object_decoder.decode(levels[-1][name]))
    except msgspec.DecodeError:
        pass
    return levels


def list_large_parts(value: Any) -> list[Buffer] | None:
    """Return the JSON of a `LargeStruct`, or of a list of them, in parts; None where no field of them is large."""
    if isinstance(value, LargeStruct):
        return value.list_parts()
    if not (isinstance(value, list) and value and isinstance(value[0], LargeStruct)):
        return None
    parts_by_item: list[list[Buffer] | None] = [item.list_parts() for item in value]
    if not any(parts_by_item):
        return None
    parts: list[Buffer] = []
    for item, item_parts in zip(value, parts_by_item, strict=True):
        parts += (b"," if parts else b"[", *(item_parts or [msgspec.json.encode(item)]))
    return [*parts, b"]"]


class LargeStruct(msgspec.Struct):
    """A value whose field `large_field` is encoded JSON that may have megabytes: then it is sent in pieces."""

    large_field: ClassVar[str]

    def list_parts(self) -> list[Buffer] | None:
        """Return the JSON of the value in parts, without copying the field; None where the field is small."""
        content: msgspec.Raw = getattr(self, self.large_field)
        if len(memoryview(content)) <= LARGE_SIZE:
            return None
        mark = msgspec.Raw(b'"%s"' % token_hex(16).encode())
        setattr(self, self.large_field, mark)
        before, _, after = msgspec.json.encode(self).partition(bytes(mark))
        setattr(self, self.large_field, content)
        return [before, content, after]
