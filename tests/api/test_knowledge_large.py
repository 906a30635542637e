"""Knowledge with ten thousand files: its pages, searches and comparisons take milliseconds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import pytest

from conftest import Person, Reply, Server
from fastback.features.knowledge.file_list_store import KnowledgeFileLists
from knowledge_samples import KNOWLEDGE, create_knowledge, embedding_settings, insert_files

COUNT = 10_000


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


async def measure_fastest(send_request: Callable[[], Awaitable[Reply]]) -> float:
    """Return the milliseconds of the fastest of three requests, since the machine may be busy with other work."""
    durations = []
    for _ in range(3):
        started = time.perf_counter()
        (await send_request()).ok()
        durations.append((time.perf_counter() - started) * 1000)
    return min(durations)


async def test_a_knowledge_of_ten_thousand_files_answers_quickly(server: Server, ada: Person, bob: Person) -> None:
    knowledge_id = await create_knowledge(ada)
    ids = await insert_files(server, ada, knowledge_id, COUNT)
    base = f"{KNOWLEDGE}/{knowledge_id}"
    assert server.services.get(KnowledgeFileLists).has_index
    page = (await ada.get(f"{base}/files", page=100)).ok()
    assert page["total"] == COUNT and [item["id"] for item in page["items"]] == ids[99 * 30 : 100 * 30]
    matches = (await ada.get(f"{base}/files", query="FILE-0999", order_by="name", direction="asc")).ok()
    assert matches["total"] == 10 and matches["items"][0]["filename"] == "file-09990.txt"
    all_matches = (await ada.get(f"{KNOWLEDGE}/search/files", query="file-01234")).ok()
    assert all_matches["total"] == 1 and all_matches["items"][0]["collection"]["id"] == knowledge_id
    assert (await bob.get(f"{KNOWLEDGE}/search/files")).ok()["total"] == 0

    manifest = [{"path": "", "filename": f"file-{n:05}.txt", "checksum": f"sum-{n}", "size": 1} for n in range(COUNT)]
    manifest[7]["checksum"] = "other"
    difference = (await ada.post(f"{base}/sync/diff", {"manifest": manifest})).ok()
    assert difference["unmodified_count"] == COUNT - 1 and difference["modified"][0]["stale_file_id"] == ids[7]

    limits = {
        "first page": (250, lambda: ada.get(f"{base}/files")),
        "last page": (250, lambda: ada.get(f"{base}/files", page=334)),
        "by name": (250, lambda: ada.get(f"{base}/files", order_by="name", direction="asc")),
        "search": (250, lambda: ada.get(f"{base}/files", query="0999")),
        "search everywhere": (250, lambda: ada.get(f"{KNOWLEDGE}/search/files", query="0999")),
        "pending": (100, lambda: ada.get(f"{base}/files/pending")),
        "knowledge": (60, lambda: ada.get(f"{KNOWLEDGE}/")),
        "comparison": (1000, lambda: ada.post(f"{base}/sync/diff", {"manifest": manifest})),
    }
    durations = {name: await measure_fastest(send_request) for name, (_, send_request) in limits.items()}
    print({name: f"{ms:.0f} ms" for name, ms in durations.items()})
    assert {name: ms for name, ms in durations.items() if ms > limits[name][0]} == {}

    started = time.perf_counter()
    (await ada.post(f"{base}/reset")).ok()
    print(f"reset: {time.perf_counter() - started:.1f} s")
    assert (await ada.get(f"{base}/files")).ok()["total"] == 0
