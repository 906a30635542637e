"""Statistics of chats; neither statistics nor lists read more of a chat than they show."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest

from conftest import Person, Server
from fastback.features.chats.stats import figures
from sample_chats import build_chat, create_chat

NOT_FOUND = "We could not find what you're looking for :/"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."


def build_item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "chat": build_chat(2, title=f"Chat {number}"),
        "created_at": 1000 + number,
        "updated_at": 1000 + number,
        **more,
    }


async def test_statistics_count_messages_models_and_times(ada: Person) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [build_item(1, meta={"tags": ["work"]})]})).ok()
    page = (await ada.get("/api/v1/chats/stats/usage")).ok()
    assert page["total"] == 1
    (chat_statistics,) = page["items"]
    assert (
        chat_statistics["models"] == {"demo-small": 2}
        and chat_statistics["message_count"] == 4
        and chat_statistics["tags"] == ["work"]
    )
    assert (
        chat_statistics["average_response_time"] == 10.0
        and chat_statistics["average_user_message_content_length"] == 6.0
    )
    assert chat_statistics["last_message_at"] == 1_700_000_030


async def test_other_branches_count_only_for_the_history(ada: Person) -> None:
    document = build_chat(1)
    messages = document["history"]["messages"]
    messages["a1"]["annotation"] = {"rating": 1, "tags": ["right"]}
    messages["b1"] = {
        **messages["a1"],
        "id": "b1",
        "model": "demo-large",
        "content": [{"type": "text", "text": "four"}],
    }
    messages["u1"]["childrenIds"] = ["a1", "b1"]
    chat = await create_chat(ada, document)
    export = (await ada.get(f"/api/v1/chats/stats/export/{chat}")).ok()
    assert export["stats"]["models"] == {"demo-small": 1} and export["stats"]["message_count"] == 2
    assert export["stats"]["history_models"] == {"demo-small": 1, "demo-large": 1}
    assert export["stats"]["history_message_count"] == 3
    exported = export["chat"]["history"]["messages"]
    assert (
        exported["a1"]["rating"] == 1 and exported["a1"]["tags"] == ["right"] and exported["b1"]["content_length"] == 4
    )
    assert "content" not in exported["a1"]


async def test_statistics_come_in_pages_or_in_one_stream(ada: Person) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [build_item(number) for number in range(25)]})).ok()
    first = (await ada.get("/api/v1/chats/stats/export")).ok()
    assert first["total"] == 25 and first["page"] == 1
    assert [chat["updated_at"] for chat in first["items"]] == list(range(1000, 1010))
    assert len((await ada.get("/api/v1/chats/stats/export", page=3)).ok()["items"]) == 5
    assert (await ada.get("/api/v1/chats/stats/export", updated_at=1020)).ok()["total"] == 4
    streamed = await ada.get("/api/v1/chats/stats/export", stream=True)
    assert streamed.headers["content-disposition"] == f"attachment; filename=chat-stats-export-{ada.id}.jsonl"
    lines = [msgspec.json.decode(line) for line in streamed.text.splitlines()]
    assert [chat["updated_at"] for chat in lines] == list(range(1000, 1025))
    assert len((await ada.get("/api/v1/chats/stats/usage", items_per_page=7, page=4)).ok()["items"]) == 4


async def test_statistics_are_private(ada: Person, bob: Person, cy: Person) -> None:
    chat = await create_chat(bob)
    (await cy.get(f"/api/v1/chats/stats/export/{chat}")).refused(401, PROHIBITED)
    (await cy.get("/api/v1/chats/stats/export/none")).refused(404, NOT_FOUND)
    assert (await ada.get(f"/api/v1/chats/stats/export/{chat}")).ok()["user_id"] == bob.id
    assert (await cy.get("/api/v1/chats/stats/usage")).ok() == {"items": [], "total": 0}


async def test_nothing_is_exported_where_nothing_may_be_shared(ada: Person, bob: Person) -> None:
    chat = await create_chat(bob)
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    (await ada.post("/api/v1/auths/admin/config", {**config, "ENABLE_COMMUNITY_SHARING": False})).ok()
    (await bob.get("/api/v1/chats/stats/export")).refused(401, PROHIBITED)
    (await bob.get(f"/api/v1/chats/stats/export/{chat}")).refused(401, PROHIBITED)
    (await ada.get("/api/v1/chats/stats/export")).ok()


async def test_statistics_of_many_chats_are_read_in_slices(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [build_item(number) for number in range(60)]})).ok()
    counts: list[int] = []
    read = figures._load_chats

    async def count_chats(db: Any, chat_ids: list[str]) -> Any:
        chats = await read(db, chat_ids)
        counts.append(len(chats))
        return chats

    monkeypatch.setattr(figures, "_load_chats", count_chats)
    assert len((await ada.get("/api/v1/chats/stats/usage", items_per_page=100)).ok()["items"]) == 60
    assert len((await ada.get("/api/v1/chats/stats/export", stream=True)).text.splitlines()) == 60
    assert max(counts) <= figures.SLICE and sum(counts) == 120


#: `#` becomes another number each time, so that no response comes from a cache.
LISTS = (
    "/api/v1/chats/?page=1&sort_by=#",
    "/api/v1/chats/?include_pinned=true&sort_by=#",
    "/api/v1/chats/pinned",
    "/api/v1/chats/archived",
    "/api/v1/chats/folder/none/list",
    "/api/v1/folders/",
)


async def _measure_quickest(person: Person, path: str) -> float:
    """Return the seconds of the quickest of five requests."""
    times = []
    for _ in range(5):
        address = path.replace("#", str(time.perf_counter_ns()))
        started = time.perf_counter()
        (await person.get(address)).ok()
        times.append(time.perf_counter() - started)
        await asyncio.sleep(0)
    return min(times)


async def test_lists_do_not_read_the_chats_they_show(ada: Person) -> None:
    small = await create_chat(ada, build_chat(1))
    before = {path: await _measure_quickest(ada, path) for path in LISTS}
    document = build_chat(1)
    document["history"]["messages"]["a1"]["content"] = "Long. " * 5_000_000
    huge = await create_chat(ada, document)
    assert len((await ada.get(f"/api/v1/chats/{huge}")).body) > 30_000_000
    complete_read = await _measure_quickest(ada, f"/api/v1/chats/{huge}")
    for path in LISTS:
        # SQLite skips the document to reach a row's last columns; this takes a moment, but does not read it.
        assert await _measure_quickest(ada, path) < max(before[path] * 3, complete_read / 4), path
    assert {chat["id"] for chat in (await ada.get("/api/v1/chats/")).ok()} == {small, huge}
