"""Statistics of usage, as administrators read them."""

from __future__ import annotations

from typing import Any

from conftest import Person, Server
from fastback.features.analytics.message_columns import INDEX
from fastback.features.analytics.usage import UsageStatistics
from fastback.kit.db import Database, indexes

ANALYTICS = "/api/v1/analytics"
#: 14 November 2023, a quarter past ten in the evening (UTC).
T = 1_700_000_000


def build_chat(at: int, *answers: tuple[str, Any]) -> dict[str, Any]:
    messages = {}
    for number, (model, usage) in enumerate(answers):
        message_id = f"a{number}"
        messages[message_id] = {
            "id": message_id,
            "parentId": None,
            "childrenIds": [],
            "role": "assistant",
            "content": "So.",
        }
        messages[message_id] |= {"model": model, "timestamp": at + number, "done": True, "usage": usage}
    return {"chat": {"title": "Talk", "history": {"messages": messages, "currentId": None}}, "created_at": at}


async def test_sums_are_the_same_with_and_without_the_index(ada: Person, bob: Person, server: Server) -> None:
    chats = [
        build_chat(T, ("small", {"prompt_tokens": 1, "completion_tokens": 2}), ("large", {"input_tokens": 30})),
        build_chat(T + 86_400, ("large", None), ("large", {"input_tokens": 5})),
    ]
    (await bob.post("/api/v1/chats/import", {"chats": chats})).ok()
    db = server.services.get(Database)
    text = """UPDATE chat_message SET usage = '{"input_tokens": 5.5, "output_tokens": "many"}' WHERE created_at = :at"""
    assert await db.execute("test.odd", text, at=T + 86_401) == 1
    paths = ("summary", "models", "users", "tokens", "daily")

    async def list_statistics() -> list[Any]:
        return [(await ada.get(f"{ANALYTICS}/{path}", start_date=T - 5)).ok() for path in paths]

    usage = server.services.get(UsageStatistics)
    await indexes.ensure_index(db, INDEX)
    usage.indexed = True
    statistics = await list_statistics()
    assert statistics[0] == {"total_messages": 4, "total_chats": 2, "total_models": 2, "total_users": 1}
    assert [(model["model_id"], model["count"]) for model in statistics[1]["models"]] == [("large", 3), ("small", 1)]
    assert statistics[2]["users"][0]["name"] == "Bob"
    assert statistics[3]["total_input_tokens"] == 36
    assert sum(sum(day["models"].values()) for day in statistics[4]["data"]) == 4
    usage.indexed = False
    await db.execute("test.drop", f"DROP INDEX {INDEX.name}")
    assert await list_statistics() == statistics


async def test_groups_and_bounds(ada: Person, bob: Person, cy: Person, server: Server) -> None:
    for person in (bob, cy):
        (await person.post("/api/v1/chats/import", {"chats": [build_chat(T, ("small", None))]})).ok()
    db = server.services.get(Database)
    insert = """INSERT INTO "group" (id, user_id, name, parent_group_id) VALUES (:id, :user, :id, :above)"""
    for name, above in (("above", None), ("below", "above")):
        await db.execute("test.group", insert, id=name, user=ada.id, above=above)
    member = "INSERT INTO group_member (id, group_id, user_id) VALUES ('m', 'below', :user)"
    await db.execute("test.member", member, user=bob.id)
    for group, count in (("below", 1), ("above", 1), ("nothing", 0)):
        assert (await ada.get(f"{ANALYTICS}/summary", group_id=group)).ok()["total_messages"] == count
    assert (await ada.get(f"{ANALYTICS}/summary", start_date=T + 1)).ok()["total_messages"] == 0
    assert (await ada.get(f"{ANALYTICS}/summary", end_date=2**63 - 1)).ok()["total_messages"] == 2
    (await ada.get(f"{ANALYTICS}/summary", end_date=10**40)).refused(422)
    (await ada.get(f"{ANALYTICS}/daily", start_date=1, end_date=T, granularity="10m")).refused(400)


async def test_only_administrators_read_statistics(bob: Person, anonymous: Person) -> None:
    for path in ("summary", "daily", "messages", "models", "users", "tokens", "models/x/chats", "models/x/overview"):
        (await bob.get(f"{ANALYTICS}/{path}")).refused(401)
        (await anonymous.get(f"{ANALYTICS}/{path}")).refused(401)
