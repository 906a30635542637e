"""Figures about chats, and that neither they nor lists read more of chats than they show."""

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


def item(number: int, **more: Any) -> dict[str, Any]:
    return {
        "chat": build_chat(2, title=f"Chat {number}"),
        "created_at": 1000 + number,
        "updated_at": 1000 + number,
        **more,
    }


async def test_figures_count_messages_models_and_times(ada: Person) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [item(1, meta={"tags": ["work"]})]})).ok()
    found = (await ada.get("/api/v1/chats/stats/usage")).ok()
    assert found["total"] == 1
    (one,) = found["items"]
    assert one["models"] == {"demo-small": 2} and one["message_count"] == 4 and one["tags"] == ["work"]
    assert one["average_response_time"] == 10.0 and one["average_user_message_content_length"] == 6.0
    assert one["last_message_at"] == 1_700_000_030


async def test_other_branches_count_for_the_history_alone(ada: Person) -> None:
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
    found = (await ada.get(f"/api/v1/chats/stats/export/{chat}")).ok()
    assert found["stats"]["models"] == {"demo-small": 1} and found["stats"]["message_count"] == 2
    assert found["stats"]["history_models"] == {"demo-small": 1, "demo-large": 1}
    assert found["stats"]["history_message_count"] == 3
    shown = found["chat"]["history"]["messages"]
    assert shown["a1"]["rating"] == 1 and shown["a1"]["tags"] == ["right"] and shown["b1"]["content_length"] == 4
    assert "content" not in shown["a1"]


async def test_figures_come_in_pages_or_in_one_stream(ada: Person) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [item(number) for number in range(25)]})).ok()
    first = (await ada.get("/api/v1/chats/stats/export")).ok()
    assert first["total"] == 25 and first["page"] == 1
    assert [one["updated_at"] for one in first["items"]] == list(range(1000, 1010))
    assert len((await ada.get("/api/v1/chats/stats/export", page=3)).ok()["items"]) == 5
    assert (await ada.get("/api/v1/chats/stats/export", updated_at=1020)).ok()["total"] == 4
    streamed = await ada.get("/api/v1/chats/stats/export", stream=True)
    assert streamed.headers["content-disposition"] == f"attachment; filename=chat-stats-export-{ada.id}.jsonl"
    lines = [msgspec.json.decode(line) for line in streamed.text.splitlines()]
    assert [one["updated_at"] for one in lines] == list(range(1000, 1025))
    assert len((await ada.get("/api/v1/chats/stats/usage", items_per_page=7, page=4)).ok()["items"]) == 4


async def test_figures_are_ones_own(ada: Person, bob: Person, cy: Person) -> None:
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


async def test_figures_of_many_chats_read_some_at_a_time(
    server: Server, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await ada.post("/api/v1/chats/import", {"chats": [item(number) for number in range(60)]})).ok()
    counts: list[int] = []
    read = figures._load_chats

    async def counted(db: Any, chat_ids: list[str]) -> Any:
        found = await read(db, chat_ids)
        counts.append(len(found))
        return found

    monkeypatch.setattr(figures, "_load_chats", counted)
    assert len((await ada.get("/api/v1/chats/stats/usage", items_per_page=100)).ok()["items"]) == 60
    assert len((await ada.get("/api/v1/chats/stats/export", stream=True)).text.splitlines()) == 60
    assert max(counts) <= figures.SLICE and sum(counts) == 120


#: `#` becomes another number each time, so that no answer is one that is kept ready.
LISTS = (
    "/api/v1/chats/?page=1&sort_by=#",
    "/api/v1/chats/?include_pinned=true&sort_by=#",
    "/api/v1/chats/pinned",
    "/api/v1/chats/archived",
    "/api/v1/chats/folder/none/list",
    "/api/v1/folders/",
)


async def _quickest(person: Person, path: str) -> float:
    """Seconds of the quickest of some answers."""
    times = []
    for _ in range(5):
        address = path.replace("#", str(time.perf_counter_ns()))
        began = time.perf_counter()
        (await person.get(address)).ok()
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0)
    return min(times)


async def test_lists_do_not_read_the_chats_they_show(ada: Person) -> None:
    small = await create_chat(ada, build_chat(1))
    before = {path: await _quickest(ada, path) for path in LISTS}
    document = build_chat(1)
    document["history"]["messages"]["a1"]["content"] = "Long. " * 5_000_000
    huge = await create_chat(ada, document)
    assert len((await ada.get(f"/api/v1/chats/{huge}")).body) > 30_000_000
    whole = await _quickest(ada, f"/api/v1/chats/{huge}")
    for path in LISTS:
        # SQLite finds a row's last columns behind the document, which takes a moment but is no reading of it.
        assert await _quickest(ada, path) < max(before[path] * 3, whole / 4), path
    assert {one["id"] for one in (await ada.get("/api/v1/chats/")).ok()} == {small, huge}
