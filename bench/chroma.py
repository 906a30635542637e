"""`python -m bench.chroma N`: what Open WebUI does with vectors, for `bench.vectors`; run by the Python that has it.

Chunks go into Chroma's files; words are found as by its hybrid search: every chunk is read, and an index made of them.
Prints a JSON object of values.
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

from bench.vector_samples import FILE, IN_FILE, QUESTIONS, RARE, Library


def _timed(work: Callable[[], object], times: int) -> str:
    used, passed = [], []
    for _ in range(times):
        cpu, clock = time.process_time(), time.perf_counter()
        work()
        used.append(time.process_time() - cpu)
        passed.append(time.perf_counter() - clock)
    return f"{statistics.median(used) * 1000:,.1f}; {statistics.median(passed) * 1000:,.1f}"


def main(count: int, directory: Path) -> dict[str, str]:
    library = Library(count)
    client = chromadb.PersistentClient(str(directory), settings=chromadb.Settings(anonymized_telemetry=False))
    store = client.create_collection("knowledge", metadata={"hnsw:space": "cosine"}, embedding_function=None)
    cpu = time.process_time()
    for start in range(0, count, 128):
        places = range(start, min(count, start + 128))
        store.add(
            ids=[f"{n:032d}" for n in places],
            documents=[library.text() for _ in places],
            embeddings=library.vectors[start : start + 128].tolist(),
            metadatas=[{"file_id": f"file-{n // IN_FILE}"} for n in places],
        )
    written = count / (time.process_time() - cpu)
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    found = []

    def by_vector(where: dict[str, str] | None = None) -> None:
        question = library.question()
        answer = store.query(query_embeddings=[question.tolist()], n_results=10, where=where)
        if where is None:
            found.append(len(library.nearest(question) & {int(one) for one in answer["ids"][0]}))

    def by_words() -> None:
        texts: list[str] = []
        for start in range(0, store.count(), 10_000):
            texts += store.get(limit=10_000, offset=start)["documents"]
        BM25Okapi([text.split() for text in texts]).get_top_n(RARE.split(), texts, n=10)

    return {
        "written": f"{written:,.0f}",
        "size": f"{size / 1e6:,.0f}",
        "by vector": _timed(by_vector, QUESTIONS),
        "in one file": _timed(lambda: by_vector({"file_id": FILE}), QUESTIONS),
        "by words": _timed(by_words, 1),
        "found": f"{sum(found) / (10 * len(found)):.1%}",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(main(int(sys.argv[1]), Path(name))))
