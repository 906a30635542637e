"""Memories: what is found by meaning, what stays when vectors cannot be made, and what goes with a user."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent
from fastback.features.memories import paths, store
from fastback.kit.bus import Bus
from fastback.retrieval.interfaces import Item, VectorStore

M = "/api/v1/memories"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return {
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": f"{upstream}/v1",
        "RAG_OPENAI_API_KEY": "upstream-key",
        "RAG_EMBEDDING_MODEL": "some-embedder",
    }


async def kept(person: Person, content: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await person.post(f"{M}/add", {"content": content, **more})).ok()
    return found


def vectors(server: Server) -> VectorStore:
    return server.services.get(VectorStore)


async def test_the_nearest_memory_is_found_and_a_changed_one_by_its_new_words(ada: Person, server: Server) -> None:
    tea = await kept(ada, "Ada drinks tea", path="drinks", type="user")
    await kept(ada, "The garden is large")
    found = (await ada.post(f"{M}/query", {"content": "drinks\nAda drinks tea"})).ok()
    assert found["ids"] == [[tea["id"]]] and found["documents"] == [["drinks\nAda drinks tea"]]
    assert found["metadatas"][0][0] == {
        **{name: tea[name] for name in ("created_at", "updated_at", "type", "path")},
    }
    assert found["distances"][0][0] == pytest.approx(1.0, abs=1e-5)
    (await ada.post(f"{M}/{tea['id']}/update", {"type": "context", "path": ""})).ok()
    found = (await ada.post(f"{M}/query", {"content": "Ada drinks tea"})).ok()
    assert found["metadatas"][0][0]["type"] == "context" and "path" not in found["metadatas"][0][0]


async def test_only_what_is_near_enough_counts(ada: Person) -> None:
    await kept(ada, "Ada drinks tea")
    await kept(ada, "Entirely unlike anything of before: 12345")
    both = (await ada.post(f"{M}/query", {"content": "Ada drinks tea", "k": 5})).ok()
    assert len(both["ids"][0]) == 2
    settings = (await ada.get("/api/v1/retrieval/config")).ok()
    (await ada.post("/api/v1/retrieval/config/update", {**settings, "RELEVANCE_THRESHOLD": 0.99})).ok()
    near = (await ada.post(f"{M}/query", {"content": "Ada drinks tea", "k": 5})).ok()
    assert near["documents"] == [["Ada drinks tea"]]


async def test_memories_stay_where_no_vector_can_be_made(ada: Person) -> None:
    settings = (await ada.get("/api/v1/retrieval/embedding")).ok()
    broken = {**settings, "openai_config": {"url": "http://127.0.0.1:9/v1", "key": "k"}}
    (await ada.post("/api/v1/retrieval/embedding/update", broken)).ok()
    made = await kept(ada, "Ada drinks tea")
    assert [one["id"] for one in (await ada.get(f"{M}/")).ok()] == [made["id"]]
    assert (await ada.post(f"{M}/query", {"content": "tea"})).ok() is None
    assert (await ada.post(f"{M}/reset")).status == 400
    (await ada.post("/api/v1/retrieval/embedding/update", settings)).ok()
    assert (await ada.post(f"{M}/reset")).ok() is True
    assert (await ada.post(f"{M}/query", {"content": "tea"})).ok()["ids"] == [[made["id"]]]


async def test_another_model_makes_all_vectors_of_a_user_anew(ada: Person, server: Server) -> None:
    first = await kept(ada, "Ada drinks tea")
    name = f"user-memory-{ada.id}"
    await vectors(server).drop_collection(name)
    await vectors(server).upsert(name, [Item(first["id"], "x", b"\0\0\x80\x3f" * 3, {})])  # of three dimensions
    assert (await ada.post(f"{M}/query", {"content": "tea"})).ok()["ids"] == [[]]
    await kept(ada, "The garden is large")
    found = (await ada.post(f"{M}/query", {"content": "tea", "k": 5})).ok()
    assert sorted(found["documents"][0]) == ["Ada drinks tea", "The garden is large"]


async def test_an_administrator_makes_everybodys_vectors_anew(ada: Person, bob: Person, server: Server) -> None:
    await kept(ada, "Ada drinks tea")
    mine = await kept(bob, "Bob drinks milk")
    for name in await vectors(server).list_collections():
        await vectors(server).drop_collection(name)
    (await bob.post(f"{M}/reindex")).refused(401)
    assert (await ada.post(f"{M}/reindex")).ok() == {"status": True, "total_users": 2, "total_memories": 2}
    assert (await bob.post(f"{M}/query", {"content": "milk", "k": 5})).ok()["ids"] == [[mine["id"]]]


async def test_a_users_vectors_go_with_the_user(ada: Person, bob: Person, server: Server) -> None:
    await kept(bob, "Bob drinks milk")
    assert await vectors(server).has_collection(f"user-memory-{bob.id}")
    (await ada.delete(f"/api/v1/users/{bob.id}")).ok()
    assert not await vectors(server).has_collection(f"user-memory-{bob.id}")


async def test_switched_off_there_are_none(ada: Person, bob: Person) -> None:
    settings = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**settings, "ENABLE_MEMORIES": False})).ok()
    (await ada.get(f"{M}/")).refused(404)
    (await bob.post(f"{M}/add", {"content": "x"})).refused(404)


async def test_listeners_are_told(ada: Person, server: Server) -> None:
    told: list[ActivityEvent] = []

    async def hear(event: ActivityEvent) -> None:
        if event.event.startswith("memory."):
            told.append(event)

    bus = server.services.get(Bus)
    bus.subscribe(ActivityEvent, hear)
    made = await kept(ada, "Ada drinks tea", path="drinks")
    (await ada.post(f"{M}/{made['id']}/update", {"content": "Ada drinks milk"})).ok()
    operations = [{"action": "add", "content": "x"}, {"action": "remove", "id": made["id"]}]
    (await ada.post(f"{M}/update", {"operations": operations})).ok()
    (await ada.post(f"{M}/reset")).ok()
    (await ada.delete(f"{M}/delete/user")).ok()
    names = ["created", "updated", "created", "deleted", "reset", "deleted"]
    assert [one.event for one in told] == [f"memory.{name}" for name in names]
    assert told[0].data == {"content_preview": "Ada drinks tea", "type": "context", "path": "drinks"}
    assert told[2].data == {"content_preview": "x", "type": "context", "path": None, "operation": "add"}
    assert told[4].data == {"count": 1, "reindex": True}
    assert (told[5].subject_type, told[5].subject_id) == ("user", ada.id)


def test_a_text_hints_at_the_paths_it_speaks_of() -> None:
    def at(path: str | None) -> store.Memory:
        return store.Memory("1", "u", "context", path, "x", msgspec.Raw(b"null"), 1, 1)

    known = [at("home/garden"), at("home/it"), at("work"), at(None), at("home/garden")]
    assert paths.list_mentioned_paths("What of the GARDEN?", known) == ["home/garden"]
    assert paths.list_mentioned_paths("At home, say", known) == ["home/garden", "home/it"]
    assert paths.list_mentioned_paths("", known) == []
