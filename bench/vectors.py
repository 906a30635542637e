"""`python -m bench.vectors [--chunks N] [--texts N] [--reference PYTHON] [--write]`: vectors made and searched.

Fills the built-in vector store with N chunks (50,000) of 384 numbers and 150 words, in files of a hundred chunks, and
searches it; embeds N texts (200) of a thousand characters with the model on this machine. With `--reference` Chroma
does the same, in the Python that Open WebUI is installed in. Times are those of the processor, because they are what
does not depend on who else works there; `--write` keeps the tables in docs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import report
from bench.machine import machine
from bench.vector_samples import FILE as ONE_FILE
from bench.vector_samples import IN_FILE, QUESTIONS, RARE, WIDTH, WORDS, Library
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.local import LocalModels
from fastback.retrieval.interfaces import Item
from fastback.retrieval.vectors.sqlite import FILE, SqliteStore

HEADING = "## Vectors"
ROWS = list[tuple[str, str]]
#: What is compared: the name of a row, and what `bench.chroma` calls it.
_COMPARED = {
    "written, chunks a second of the processor": "written",
    "size of the file (MB)": "size",
    "by vector": "by vector",
    "by vector, in one file": "in one file",
    "by two rare words": "by words",
    "by twelve words, some in every chunk": "by words",
    "of the ten nearest are found": "found",
}


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
            nearest = library.nearest(question)
            found.append(
                len(nearest & {int(hit.id) for hit in await store.search(["knowledge"], question.tobytes(), 10)})
            )
        kinds: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("by vector", lambda: store.search(["knowledge"], library.question().tobytes(), 10)),
            (
                "by vector, in one file",
                lambda: store.search(["knowledge"], library.question().tobytes(), 10, {"file_id": ONE_FILE}),
            ),
            ("by two rare words", lambda: store.search_words(["knowledge"], RARE, 10)),
            ("by twelve words, some in every chunk", lambda: store.search_words(["knowledge"], library.text(12), 10)),
        ]
        for kind, work in kinds:
            used, passed = await _timed(work)
            rows.append((kind, f"{used:.1f}; {passed:.1f}"))
        rows.append(("of the ten nearest are found", f"{sum(found) / (10 * len(found)):.1%}"))
        await store.close()
    return rows


async def embedding(count: int) -> ROWS:
    place = models.find_model(models.DEFAULT_MODEL)
    if place is None:
        print("the model is not fetched: `fastback models fetch`", file=sys.stderr)
        return []
    prose = " ".join(Path(name).read_text(encoding="utf-8") for name in ("README.md", "docs/architecture.md"))
    texts = [(prose * 20)[start : start + 1000] for start in range(0, 990 * count, 990)][:count]
    local = LocalModels()
    clock = time.perf_counter()
    await local.embed_texts(str(place), ["Where is it?"], None, urgent=True)
    first = time.perf_counter() - clock
    (pid,) = local.workers.process_ids
    question, _ = await _between(pid, lambda: local.embed_texts(str(place), ["Where is it?"], None, urgent=True), 20)
    chunks, passed = await _between(pid, lambda: local.embed_texts(str(place), texts, None, urgent=False), 1)
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


def _chroma(python: str, count: int) -> dict[str, str]:
    """The same with Chroma and a Python of its own."""
    done = subprocess.run([python, "-m", "bench.chroma", str(count)], stdout=subprocess.PIPE, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _compared(rows: ROWS, theirs: dict[str, str]) -> str:
    lines = ["| | Fastback | Open WebUI |", "|---|--:|--:|"]
    return "\n".join([*lines, *(f"| {what} | {value} | {theirs.get(_COMPARED[what], '')} |" for what, value in rows)])


def _table(rows: ROWS) -> str:
    return "\n".join(["| | |", "|---|--:|", *(f"| {what} | {value} |" for what, value in rows)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--reference", help="a Python with chromadb and rank_bm25, such as Open WebUI's")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    stored = asyncio.run(searches(arguments.chunks))
    theirs = _chroma(arguments.reference, arguments.chunks) if arguments.reference else {}
    made = asyncio.run(embedding(arguments.texts))
    text = f"""
Made by `python -m bench.vectors`: {arguments.chunks:,} chunks of {WIDTH} numbers and {WORDS} words in the
built-in store and in Chroma's files as Open WebUI uses them, which for a search by words reads every chunk. Times of a
search in milliseconds, medians of {QUESTIONS}: of the processor; of the clock.

Machine: {machine()}. Load average {os.getloadavg()[0]:.0f}.

{_compared(stored, theirs)}

The model all-MiniLM-L6-v2 on this machine:

{_table(made)}
"""
    print(text)
    if arguments.write:
        report.put(HEADING, text)


if __name__ == "__main__":
    main()
