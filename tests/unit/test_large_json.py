"""JSON of megabytes is given back to the system without holding the event loop."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest

from fastback.kit import large_json
from fastback.kit.large_json import create_workers, find_members, map_memory
from fastback.kit.workers.pool import WorkerPool

SIZE = 8 * 1024 * 1024


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    pool = create_workers()
    yield pool
    await pool.close()


def test_mapped_memory_is_private() -> None:
    """Shared memory gets no large pages: megabytes of small ones take milliseconds to give back."""
    memory = map_memory(SIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    spans = ((line.split(" ")[0].split("-"), line.split(" ")[1]) for line in lines)
    (access,) = (flags for (start, end), flags in spans if int(start, 16) <= address < int(end, 16))
    assert access == "rw-p"


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
