"""`python -m bench.chroma N`: measure Open WebUI's vector search for `bench.vectors`, with the Python that contains it.

Chunks are stored in Chroma's files. Words are searched as in its hybrid search: read every chunk, and build an index.
Print a JSON object of figures.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import chromadb  # type: ignore[import-not-found]
from rank_bm25 import BM25Okapi  # type: ignore[import-not-found]

from bench.vector_samples import CHUNKS_PER_FILE, FILE, QUESTIONS, RARE, Library


def _measure_medians(work: Callable[[], object], times: int) -> str:
    cpu_times, clock_times = [], []
    for _ in range(times):
        cpu, clock = time.process_time(), time.perf_counter()
        work()
        cpu_times.append(time.process_time() - cpu)
        clock_times.append(time.perf_counter() - clock)
    return f"{statistics.median(cpu_times) * 1000:,.1f}; {statistics.median(clock_times) * 1000:,.1f}"


def measure(count: int, directory: Path) -> dict[str, str]:
    library = Library(count)
    client = chromadb.PersistentClient(str(directory), settings=chromadb.Settings(anonymized_telemetry=False))
    store = client.create_collection("knowledge", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    cpu = time.process_time()
    for start in range(0, count, 128):
        numbers = range(start, min(count, start + 128))
        store.add(
            ids=[f"{n:032d}" for n in numbers],
            documents=[library.make_text() for _ in numbers],
            embeddings=library.vectors[start : start + 128].tolist(),
            metadatas=[{"file_id": f"file-{n // CHUNKS_PER_FILE}"} for n in numbers],
        )
    written = count / (time.process_time() - cpu)
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    matches = []

    def search_by_vector(where: dict[str, str] | None = None) -> None:
        question = library.make_question()
        answer = store.query(query_embeddings=[question.tolist()], n_results=10, where=where)
        if where is None:
            matches.append(len(library.find_nearest(question) & {int(chunk_id) for chunk_id in answer["ids"][0]}))

    def search_by_words() -> None:
        texts: list[str] = []
        for start in range(0, store.count(), 10_000):
            texts += store.get(limit=10_000, offset=start)["documents"]
        BM25Okapi([text.split() for text in texts]).get_top_n(RARE.split(), texts, n=10)

    return {
        "written": f"{written:,.0f}",
        "size": f"{size / 1e6:,.0f}",
        "by vector": _measure_medians(search_by_vector, QUESTIONS),
        "in one file": _measure_medians(lambda: search_by_vector({"file_id": FILE}), QUESTIONS),
        "by words": _measure_medians(search_by_words, 1),
        "found": f"{sum(matches) / (10 * len(matches)):.1%}",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(measure(int(sys.argv[1]), Path(name))))
