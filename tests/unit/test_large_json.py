"""JSON of megabytes is given back to the system without holding the event loop."""

from __future__ import annotations

import asyncio
import ctypes
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest

from fastback.kit import large_json
from fastback.kit.http.fragments import FragmentedBytes
from fastback.kit.large_json import create_workers, find_members, map_memory
from fastback.kit.workers.pool import WorkerPool

SIZE = 8 * 1024 * 1024


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    pool = create_workers()
    yield pool
    await pool.close()


def read_mapping(memory: memoryview) -> dict[str, str]:
    """Return what the system says of the mapping in which some memory is."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fields: dict[str, str] = {}
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line):
            if fields:
                break
            if int(match[1], 16) <= address < int(match[2], 16):
                fields["access"] = match[3]
        elif fields:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def test_mapped_memory_is_private_and_has_its_pages() -> None:
    """Shared memory gets no large pages: megabytes of small ones take milliseconds to give back.

    A page that is not there yet is provided while the thread that writes to it keeps others from running.
    """
    mapping = read_mapping(map_memory(SIZE))
    assert mapping["access"] == "rw-p"
    assert int(mapping["Rss"].split()[0]) * 1024 >= SIZE


async def test_fragments_are_freed_in_several_turns_of_the_loop() -> None:
    content = FragmentedBytes([bytes(65536) for _ in range(100)])
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await content.clear()
    counting.cancel()
    assert turns >= 10 and len(content) == 0


async def test_the_file_for_the_other_process_is_closed_in_a_thread(
    workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    is_closed = threading.Event()
    open_file = large_json._open_file

    def open_watched() -> IO[bytes]:
        file: Any = open_file()

        class WatchedFile:
            fileno = staticmethod(file.fileno)

            def close(self) -> None:
                file.close()
                threads.append(threading.current_thread())
                is_closed.set()

            def __enter__(self) -> WatchedFile:
                return self

            def __exit__(self, *_: object) -> None:
                self.close()

        watched: Any = WatchedFile()
        return watched  # type: ignore[no-any-return]

    monkeypatch.setattr(large_json, "_open_file", open_watched)
    content = msgspec.json.encode({"history": {"messages": {"a": 1}}, "title": "x"})
    levels = await find_members(workers, content, ["history", "messages"])
    assert [set(level) for level in levels] == [{"history", "title"}, {"messages"}, {"a"}]
    assert await asyncio.to_thread(is_closed.wait, 10)
    assert threads != [threading.main_thread()]
