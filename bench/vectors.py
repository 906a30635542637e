"""`python -m bench.vectors [--chunks N] [--texts N] [--reference PYTHON] [--write]`: measure vectors.

Fill the built-in vector store with N chunks (50,000) of 384 numbers and 150 words, in files of a hundred chunks, and
search it; embed N texts (200) of a thousand characters with the local model. With `--reference` Chroma does the same,
in the Python environment of Open WebUI. Times are CPU times, as these do not depend on other load; `--write` writes the
tables to the docs.
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
from bench.machine import describe_machine
from bench.vector_samples import CHUNKS_PER_FILE, QUESTIONS, RARE, WIDTH, WORDS, Library
from bench.vector_samples import FILE as ONE_FILE
from fastback.retrieval.embedding import models
from fastback.retrieval.embedding.local import LocalModels
from fastback.retrieval.interfaces import Item
from fastback.retrieval.vectors.sqlite import FILE, SqliteStore

HEADING = "## Vectors"
ROWS = list[tuple[str, str]]
#: Names of the compared rows, with the name of each in `bench.chroma`.
_CHROMA_NAMES = {
    "written, chunks a second of the processor": "written",
    "size of the file (MB)": "size",
    "by vector": "by vector",
    "by vector, in one file": "in one file",
    "by two rare words": "by words",
    "by twelve words, some in every chunk": "by words",
    "of the ten nearest are found": "found",
}


async def _measure_medians(work: Callable[[], Awaitable[object]], times: int = QUESTIONS) -> tuple[float, float]:
    """Return the median CPU time (all threads of this process) and the median elapsed time, in milliseconds."""
    cpu_times, clock_times = [], []
    for _ in range(times):
        cpu, clock = time.process_time(), time.perf_counter()
        await work()
        cpu_times.append(time.process_time() - cpu)
        clock_times.append(time.perf_counter() - clock)
    return statistics.median(cpu_times) * 1000, statistics.median(clock_times) * 1000


def _read_memory(pid: int | str = "self", name: str = "VmRSS") -> int:
    """Return the memory of a process, in MB."""
    (kilobytes,) = re.findall(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) // 1024


async def measure_searches(count: int) -> ROWS:
    library = Library(count)
    rows: ROWS = []
    with tempfile.TemporaryDirectory() as name:
        store = SqliteStore(Path(name))
        cpu = time.process_time()
        for start in range(0, count, 128):
            items = [
                Item(
                    f"{n:032d}",
                    library.make_text(),
                    library.vectors[n].tobytes(),
                    {"file_id": f"file-{n // CHUNKS_PER_FILE}"},
                )
                for n in range(start, min(count, start + 128))
            ]
            await store.upsert("knowledge", items)
        rows.append(("written, chunks a second of the processor", f"{count / (time.process_time() - cpu):,.0f}"))
        rows.append(("size of the file (MB)", f"{(Path(name) / FILE).stat().st_size / 1e6:,.0f}"))
        matches = []
        for _ in range(QUESTIONS):
            question = library.make_question()
            nearest = library.find_nearest(question)
            matches.append(
                len(nearest & {int(hit.id) for hit in await store.search(["knowledge"], question.tobytes(), 10)})
            )
        kinds: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("by vector", lambda: store.search(["knowledge"], library.make_question().tobytes(), 10)),
            (
                "by vector, in one file",
                lambda: store.search(["knowledge"], library.make_question().tobytes(), 10, {"file_id": ONE_FILE}),
            ),
            ("by two rare words", lambda: store.search_words(["knowledge"], RARE, 10)),
            (
                "by twelve words, some in every chunk",
                lambda: store.search_words(["knowledge"], library.make_text(12), 10),
            ),
        ]
        for kind, work in kinds:
            cpu_time, clock_time = await _measure_medians(work)
            rows.append((kind, f"{cpu_time:.1f}; {clock_time:.1f}"))
        rows.append(("of the ten nearest are found", f"{sum(matches) / (10 * len(matches)):.1%}"))
        await store.close()
    return rows


async def measure_embedding(count: int) -> ROWS:
    directory = models.find_model(models.DEFAULT_MODEL)
    if directory is None:
        print("the model is missing: `fastback models fetch`", file=sys.stderr)
        return []
    prose = " ".join(Path(name).read_text(encoding="utf-8") for name in ("README.md", "docs/architecture.md"))
    texts = [(prose * 20)[start : start + 1000] for start in range(0, 990 * count, 990)][:count]
    local = LocalModels()
    clock = time.perf_counter()
    await local.embed_texts(str(directory), ["Where is it?"], None, urgent=True)
    first = time.perf_counter() - clock
    (pid,) = local.workers.process_ids
    question, _ = await _measure_process(
        pid, lambda: local.embed_texts(str(directory), ["Where is it?"], None, urgent=True), 20
    )
    chunks, elapsed = await _measure_process(
        pid, lambda: local.embed_texts(str(directory), texts, None, urgent=False), 1
    )
    rows = [
        ("first question, with the start of the process (ms of the clock)", f"{first * 1000:.0f}"),
        ("another question (ms of the processor)", f"{question * 1000:.0f}"),
        ("a chunk of 1,000 characters (ms of the processor)", f"{chunks / count * 1000:.0f}"),
        ("chunks a second, in this run", f"{count / elapsed:.1f}"),
        (
            "memory of the process, without the mapped weights (MB)",
            f"{_read_memory(pid)}, {_read_memory(pid, 'RssAnon')}",
        ),
    ]
    await local.close()
    return rows


async def _measure_process(pid: int, work: Callable[[], Awaitable[object]], times: int) -> tuple[float, float]:
    """Return the CPU seconds of a process and the elapsed seconds, per run of the work."""
    ticks = os.sysconf("SC_CLK_TCK")

    def read_cpu_time() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    cpu, clock = read_cpu_time(), time.perf_counter()
    for _ in range(times):
        await work()
    return (read_cpu_time() - cpu) / times, (time.perf_counter() - clock) / times


def _measure_chroma(python: str, count: int) -> dict[str, str]:
    """Measure Chroma, with the Python that contains it."""
    completed = subprocess.run([python, "-m", "bench.chroma", str(count)], stdout=subprocess.PIPE, check=True)
    figures: dict[str, str] = json.loads(completed.stdout)
    return figures


def _format_comparison(rows: ROWS, theirs: dict[str, str]) -> str:
    lines = ["| | Fastback | Open WebUI |", "|---|--:|--:|"]
    return "\n".join(
        [*lines, *(f"| {name} | {value} | {theirs.get(_CHROMA_NAMES[name], '')} |" for name, value in rows)]
    )


def _format_table(rows: ROWS) -> str:
    return "\n".join(["| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--reference", help="a Python with chromadb and rank_bm25, such as Open WebUI's")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    search_rows = asyncio.run(measure_searches(arguments.chunks))
    theirs = _measure_chroma(arguments.reference, arguments.chunks) if arguments.reference else {}
    embedding_rows = asyncio.run(measure_embedding(arguments.texts))
    text = f"""
Measured by `python -m bench.vectors`: {arguments.chunks:,} chunks of {WIDTH} numbers and {WORDS} words in the
built-in store and in Chroma's files as Open WebUI uses them; for a search by words Open WebUI reads every chunk. Times
of a search in milliseconds, medians of {QUESTIONS}: CPU time; elapsed time.

Machine: {describe_machine()}. Load average {os.getloadavg()[0]:.0f}.

{_format_comparison(search_rows, theirs)}

The local model all-MiniLM-L6-v2:

{_format_table(embedding_rows)}
"""
    print(text)
    if arguments.write:
        report.write_section(HEADING, text)


if __name__ == "__main__":
    main()
