"""Memories: semantic search, failures of embedding, removal with their user."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.features.memories import paths, store
from fastback.kit.bus import Bus
from fastback.retrieval.interfaces import Item, RetrievalError, VectorStore

MEMORIES = "/api/v1/memories"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "upstream-key",
        "RAG_EMBEDDING_MODEL": "some-embedder",
    }


async def add_memory(person: Person, content: str, **more: Any) -> dict[str, Any]:
    """Add a memory, and return it."""
    memory: dict[str, Any] = (await person.post(f"{MEMORIES}/add", {"content": content, **more})).ok()
    return memory


def get_vector_store(server: Server) -> VectorStore:
    return server.services.get(VectorStore)


async def test_search_finds_the_nearest_memory_and_follows_changes(ada: Person, server: Server) -> None:
    tea = await add_memory(ada, "Ada drinks tea", path="drinks", type="user")
    await add_memory(ada, "The garden is large")
    result = (await ada.post(f"{MEMORIES}/query", {"content": "drinks\nAda drinks tea"})).ok()
    assert result["ids"] == [[tea["id"]]] and result["documents"] == [["drinks\nAda drinks tea"]]
    assert result["metadatas"][0][0] == {
        **{name: tea[name] for name in ("created_at", "updated_at", "type", "path")},
    }
    assert result["distances"][0][0] == pytest.approx(1.0, abs=1e-5)
    (await ada.post(f"{MEMORIES}/{tea['id']}/update", {"type": "context", "path": ""})).ok()
    result = (await ada.post(f"{MEMORIES}/query", {"content": "Ada drinks tea"})).ok()
    assert result["metadatas"][0][0]["type"] == "context" and "path" not in result["metadatas"][0][0]


async def test_the_relevance_threshold_filters_memories(ada: Person) -> None:
    await add_memory(ada, "Ada drinks tea")
    await add_memory(ada, "Entirely unlike anything of before: 12345")
    result = (await ada.post(f"{MEMORIES}/query", {"content": "Ada drinks tea", "k": 5})).ok()
    assert len(result["ids"][0]) == 2
    settings = (await ada.get("/api/v1/retrieval/config")).ok()
    (await ada.post("/api/v1/retrieval/config/update", {**settings, "RELEVANCE_THRESHOLD": 0.99})).ok()
    filtered = (await ada.post(f"{MEMORIES}/query", {"content": "Ada drinks tea", "k": 5})).ok()
    assert filtered["documents"] == [["Ada drinks tea"]]


async def test_memories_are_stored_even_if_embedding_fails(ada: Person) -> None:
    settings = (await ada.get("/api/v1/retrieval/embedding")).ok()
    broken = {**settings, "openai_config": {"url": "http://127.0.0.1:9/v1", "key": "k"}}
    (await ada.post("/api/v1/retrieval/embedding/update", broken)).ok()
    created = await add_memory(ada, "Ada drinks tea")
    assert [memory["id"] for memory in (await ada.get(f"{MEMORIES}/")).ok()] == [created["id"]]
    assert (await ada.post(f"{MEMORIES}/query", {"content": "tea"})).ok() is None
    assert (await ada.post(f"{MEMORIES}/reset")).status == 400
    (await ada.post("/api/v1/retrieval/embedding/update", settings)).ok()
    assert (await ada.post(f"{MEMORIES}/reset")).ok() is True
    assert (await ada.post(f"{MEMORIES}/query", {"content": "tea"})).ok()["ids"] == [[created["id"]]]


async def test_a_different_embedding_dimension_reindexes_all_memories_of_a_user(ada: Person, server: Server) -> None:
    first = await add_memory(ada, "Ada drinks tea")
    name = f"user-memory-{ada.id}"
    await get_vector_store(server).drop_collection(name)
    await get_vector_store(server).upsert(
        name, [Item(first["id"], "x", b"\0\0\x80\x3f" * 3, {})]
    )  # of three dimensions
    assert (await ada.post(f"{MEMORIES}/query", {"content": "tea"})).ok()["ids"] == [[]]
    await add_memory(ada, "The garden is large")
    result = (await ada.post(f"{MEMORIES}/query", {"content": "tea", "k": 5})).ok()
    assert sorted(result["documents"][0]) == ["Ada drinks tea", "The garden is large"]


async def test_a_vector_store_that_fails_for_a_moment_keeps_its_vectors(
    ada: Person, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await add_memory(ada, "Ada drinks tea")

    async def fail(*_: Any) -> None:
        raise RetrievalError("its disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(get_vector_store(server), "upsert", fail)
        second = await add_memory(ada, "The garden is large")
    assert {memory["id"] for memory in (await ada.get(f"{MEMORIES}/")).ok()} == {first["id"], second["id"]}
    result = (await ada.post(f"{MEMORIES}/query", {"content": "tea", "k": 5})).ok()
    assert result["ids"] == [[first["id"]]]


async def test_an_administrator_reindexes_the_memories_of_all_users(ada: Person, bob: Person, server: Server) -> None:
    await add_memory(ada, "Ada drinks tea")
    bob_memory = await add_memory(bob, "Bob drinks milk")
    for name in await get_vector_store(server).list_collections():
        await get_vector_store(server).drop_collection(name)
    (await bob.post(f"{MEMORIES}/reindex")).refused(401)
    assert (await ada.post(f"{MEMORIES}/reindex")).ok() == {"status": True, "total_users": 2, "total_memories": 2}
    assert (await bob.post(f"{MEMORIES}/query", {"content": "milk", "k": 5})).ok()["ids"] == [[bob_memory["id"]]]


async def test_vectors_of_a_user_are_deleted_with_the_user(ada: Person, bob: Person, server: Server) -> None:
    await add_memory(bob, "Bob drinks milk")
    assert await get_vector_store(server).has_collection(f"user-memory-{bob.id}")
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    assert not await get_vector_store(server).has_collection(f"user-memory-{bob.id}")


async def test_disabled_memories_are_not_found(ada: Person, bob: Person) -> None:
    settings = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**settings, "ENABLE_MEMORIES": False})).ok()
    (await ada.get(f"{MEMORIES}/")).refused(404)
    (await bob.post(f"{MEMORIES}/add", {"content": "x"})).refused(404)


async def test_changes_publish_activity_events(ada: Person, server: Server) -> None:
    events: list[ActivityEvent] = []

    async def record_event(event: ActivityEvent) -> None:
        if event.event.startswith("memory."):
            events.append(event)

    bus = server.services.get(Bus)
    bus.subscribe(ActivityEvent, record_event)
    created = await add_memory(ada, "Ada drinks tea", path="drinks")
    (await ada.post(f"{MEMORIES}/{created['id']}/update", {"content": "Ada drinks milk"})).ok()
    operations = [{"action": "add", "content": "x"}, {"action": "remove", "id": created["id"]}]
    (await ada.post(f"{MEMORIES}/update", {"operations": operations})).ok()
    (await ada.post(f"{MEMORIES}/reset")).ok()
    (await ada.delete(f"{MEMORIES}/delete/user")).ok()
    names = ["created", "updated", "created", "deleted", "reset", "deleted"]
    assert [event.event for event in events] == [f"memory.{name}" for name in names]
    assert events[0].data == {"content_preview": "Ada drinks tea", "type": "context", "path": "drinks"}
    assert events[2].data == {"content_preview": "x", "type": "context", "path": None, "operation": "add"}
    assert events[4].data == {"count": 1, "reindex": True}
    assert (events[5].subject_type, events[5].subject_id) == ("user", ada.id)


def test_paths_mentioned_in_a_text_are_found() -> None:
    def make_memory(path: str | None) -> store.Memory:
        return store.Memory("1", "u", "context", path, "x", msgspec.Raw(b"null"), 1, 1)

    memories = [
        make_memory("home/garden"),
        make_memory("home/it"),
        make_memory("work"),
        make_memory(None),
        make_memory("home/garden"),
    ]
    assert paths.list_mentioned_paths("What of the GARDEN?", memories) == ["home/garden"]
    assert paths.list_mentioned_paths("At home, say", memories) == ["home/garden", "home/it"]
    assert paths.list_mentioned_paths("", memories) == []
