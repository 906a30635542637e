"""`python -m bench.vectors [--chunks N] [--texts N] [--write]`: vectors made and searched.

Fills the built-in vector store with N chunks (50,000) of 384 numbers and 150 words, in files of a hundred chunks, and
searches it; embeds N texts (200) of a thousand characters with the model on this machine. Times are those of the
processor, because they are what does not depend on who else works there; `--write` keeps the tables in docs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from bench import pages
from bench.machine import machine
from fastback.retrieval.contracts import Item
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.local import Local
from fastback.retrieval.vectors.sqlite import FILE, SqliteStore

HEADING = "## Vectors"
WIDTH, WORDS, IN_FILE, TOPICS = 384, 150, 100, 400
QUESTIONS = 40
ROWS = list[tuple[str, str]]


class Library:
    """Chunks around some topics: vectors near their topic's, words as frequent as in a language."""

    def __init__(self, count: int) -> None:
        self._chance = np.random.default_rng(7)
        self._topics = self._chance.normal(size=(TOPICS, WIDTH))
        topics = self._chance.integers(0, TOPICS, count)
        self.vectors = self._unit(self._topics[topics] + self._chance.normal(size=(count, WIDTH)))
        self._words = [f"word{number}" for number in range(30_000)]

    @staticmethod
    def _unit(vectors: np.ndarray) -> np.ndarray:
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("<f4")

    def text(self, words: int = WORDS) -> str:
        places = np.minimum(self._chance.zipf(1.3, words) - 1, len(self._words) - 1)
        return " ".join(self._words[place] for place in places)

    def question(self) -> np.ndarray:
        topic = self._topics[self._chance.integers(0, TOPICS)]
        found: np.ndarray = self._unit((topic + self._chance.normal(size=WIDTH))[None])[0]
        return found


async def _timed(work: Callable[[], Awaitable[object]], times: int = QUESTIONS) -> tuple[float, float]:
    """Milliseconds of the processor (all threads of this process) and of the clock, medians."""
    used, passed = [], []
    for _ in range(times):
        cpu, clock = time.process_time(), time.perf_counter()
        await work()
        used.append(time.process_time() - cpu)
        passed.append(time.perf_counter() - clock)
    return statistics.median(used) * 1000, statistics.median(passed) * 1000


def _memory(pid: int | str = "self", name: str = "VmRSS") -> int:
    """Megabytes that a process holds."""
    (found,) = re.findall(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found) // 1024


async def searches(count: int) -> ROWS:
    library = Library(count)
    rows: ROWS = []
    with tempfile.TemporaryDirectory() as name:
        store = SqliteStore(Path(name))
        cpu = time.process_time()
        for start in range(0, count, 128):
            items = [
                Item(f"{n:032d}", library.text(), library.vectors[n].tobytes(), {"file_id": f"file-{n // IN_FILE}"})
                for n in range(start, min(count, start + 128))
            ]
            await store.upsert("knowledge", items)
        rows.append(("written, chunks a second of the processor", f"{count / (time.process_time() - cpu):,.0f}"))
        rows.append(("size of the file (MB)", f"{(Path(name) / FILE).stat().st_size / 1e6:,.0f}"))
        found = []
        for _ in range(QUESTIONS):
            question = library.question()
            nearest = set(np.argsort(-(library.vectors @ question))[:10].tolist())
            found.append(
                len(nearest & {int(hit.id) for hit in await store.search(["knowledge"], question.tobytes(), 10)})
            )
        kinds: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("by vector", lambda: store.search(["knowledge"], library.question().tobytes(), 10)),
            (
                "by vector, in one file",
                lambda: store.search(["knowledge"], library.question().tobytes(), 10, {"file_id": "file-3"}),
            ),
            ("by two rare words", lambda: store.lexical(["knowledge"], "word9876 word4321", 10)),
            ("by twelve words, some in every chunk", lambda: store.lexical(["knowledge"], library.text(12), 10)),
        ]
        for kind, work in kinds:
            used, passed = await _timed(work)
            rows.append((f"{kind} (ms of the processor; of the clock)", f"{used:.1f}; {passed:.1f}"))
        rows.append(("of the ten nearest are found", f"{sum(found) / (10 * len(found)):.1%}"))
        await store.close()
    return rows


async def embedding(count: int) -> ROWS:
    place = models.find(models.DEFAULT)
    if place is None:
        print("the model is not fetched: `fastback models fetch`", file=sys.stderr)
        return []
    prose = " ".join(Path(name).read_text(encoding="utf-8") for name in ("README.md", "docs/architecture.md"))
    texts = [(prose * 20)[start : start + 1000] for start in range(0, 990 * count, 990)][:count]
    local = Local()
    clock = time.perf_counter()
    await local.embed(str(place), ["Where is it?"], None, urgent=True)
    first = time.perf_counter() - clock
    (pid,) = local.workers.pids
    question, _ = await _between(pid, lambda: local.embed(str(place), ["Where is it?"], None, urgent=True), 20)
    chunks, passed = await _between(pid, lambda: local.embed(str(place), texts, None, urgent=False), 1)
    rows = [
        ("first question, with the start of the process (ms of the clock)", f"{first * 1000:.0f}"),
        ("another question (ms of the processor)", f"{question * 1000:.0f}"),
        ("a chunk of 1,000 characters (ms of the processor)", f"{chunks / count * 1000:.0f}"),
        ("chunks a second, in this run", f"{count / passed:.1f}"),
        ("memory of the process, without the mapped weights (MB)", f"{_memory(pid)}, {_memory(pid, 'RssAnon')}"),
    ]
    await local.close()
    return rows


async def _between(pid: int, work: Callable[[], Awaitable[object]], times: int) -> tuple[float, float]:
    """Seconds of a process's processor and of the clock, for one time of some work."""
    ticks = os.sysconf("SC_CLK_TCK")

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    cpu, clock = used(), time.perf_counter()
    for _ in range(times):
        await work()
    return (used() - cpu) / times, (time.perf_counter() - clock) / times


def _table(head: str, rows: ROWS) -> str:
    return "\n".join([f"| {head} | |", "|---|--:|", *(f"| {what} | {value} |" for what, value in rows)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    stored = asyncio.run(searches(arguments.chunks))
    made = asyncio.run(embedding(arguments.texts))
    text = (
        f"Made by `python -m bench.vectors`: {arguments.chunks:,} chunks of {WIDTH} numbers and {WORDS} words in the "
        f"built-in store;\nall-MiniLM-L6-v2 on this machine.\n\n"
        f"Machine: {machine()}. Load average {os.getloadavg()[0]:.0f}.\n\n"
        f"{_table(f'search among {arguments.chunks:,} chunks', stored)}\n\n{_table('embedding', made)}\n"
    )
    print(text)
    if arguments.write:
        pages.put(HEADING, text)


if __name__ == "__main__":
    main()
