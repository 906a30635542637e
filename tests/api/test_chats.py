"""Chats of an owner: lists, changes, tags, copies, sharing, import, export, deletion."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from conftest import Person

NOT_FOUND = "We could not find what you're looking for :/"


def build_chat(question: str = "How high is Everest?", answer: str = "8,849 metres.") -> dict[str, Any]:
    """Return a chat of two messages, as the frontend writes it."""
    return {
        "title": question,
        "models": ["demo-small"],
        "history": {
            "currentId": "a1",
            "messages": {
                "q1": {"id": "q1", "parentId": None, "childrenIds": ["a1"], "role": "user", "content": question},
                "a1": {"id": "a1", "parentId": "q1", "childrenIds": [], "role": "assistant", "content": answer},
            },
        },
    }


async def create_chat(person: Person, question: str = "How high is Everest?", **more: Any) -> str:
    chat = {**build_chat(question), **more}
    return str((await person.post("/api/v1/chats/new", {"chat": chat})).ok()["id"])


async def list_titles(person: Person, path: str = "/api/v1/chats/", **query: Any) -> list[str]:
    return [chat["title"] for chat in (await person.get(path, **query)).ok()]


async def test_a_list_follows_every_change_at_once(ada: Person) -> None:
    assert await list_titles(ada) == []
    first = await create_chat(ada, "First")
    assert await list_titles(ada) == ["First"]
    (await ada.post(f"/api/v1/chats/{first}", {"chat": {"title": "Renamed"}})).ok()
    assert await list_titles(ada) == ["Renamed"]
    (await ada.delete(f"/api/v1/chats/{first}")).ok()
    assert await list_titles(ada) == []


async def test_lists_are_private(ada: Person, bob: Person) -> None:
    chat = await create_chat(ada)
    assert await list_titles(bob) == []
    (await bob.get(f"/api/v1/chats/{chat}")).refused(401)
    (await bob.post(f"/api/v1/chats/{chat}", {"chat": {"title": "Mine"}})).refused(401)
    (await bob.delete(f"/api/v1/chats/{chat}")).refused(404)
    assert await list_titles(ada) == ["How high is Everest?"]


async def test_pages_hold_sixty_newest_first(ada: Person) -> None:
    body = {
        "chats": [
            {"chat": {"title": f"Chat {n:03}"}, "created_at": 1000 + n, "updated_at": 1000 + n} for n in range(70)
        ]
    }
    (await ada.post("/api/v1/chats/import", body)).ok()
    first, second = await list_titles(ada, page=1), await list_titles(ada, page=2)
    assert len(first) == 60 and first[0] == "Chat 069" and len(second) == 10 and second[-1] == "Chat 000"
    assert await list_titles(ada, page=3) == []
    (await ada.get("/api/v1/chats/", page="one")).refused(422)


async def test_an_update_keeps_what_it_does_not_mention(ada: Person) -> None:
    chat = await create_chat(ada, files=[{"id": "f1"}])
    changed = (await ada.post(f"/api/v1/chats/{chat}", {"chat": {"models": ["demo-large"]}})).ok()
    assert changed["chat"]["models"] == ["demo-large"]
    assert changed["chat"]["files"] == [{"id": "f1"}]
    assert changed["chat"]["history"]["messages"]["a1"]["content"] == "8,849 metres."


async def test_a_message_is_changed_and_removed(ada: Person) -> None:
    chat = await create_chat(ada)
    changed = (await ada.post(f"/api/v1/chats/{chat}/messages/a1", {"content": "High."})).ok()
    assert changed["chat"]["history"]["messages"]["a1"]["content"] == "High."
    (await ada.delete(f"/api/v1/chats/{chat}/messages/a1")).ok()
    messages = (await ada.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]
    assert set(messages) == {"q1"} and messages["q1"]["childrenIds"] == []


async def test_pinned_and_archived_chats_leave_the_list(ada: Person) -> None:
    pinned, archived = await create_chat(ada, "Pinned"), await create_chat(ada, "Archived")
    assert (await ada.post(f"/api/v1/chats/{pinned}/pin")).ok()["pinned"] is True
    assert (await ada.post(f"/api/v1/chats/{archived}/archive")).ok()["archived"] is True
    assert await list_titles(ada, page=1) == []
    assert await list_titles(ada, "/api/v1/chats/pinned") == ["Pinned"]
    assert await list_titles(ada, "/api/v1/chats/archived") == ["Archived"]
    assert (await ada.get(f"/api/v1/chats/{pinned}/pinned")).ok() is True
    (await ada.post("/api/v1/chats/unarchive/all")).ok()
    assert await list_titles(ada, page=1) == ["Archived"]


async def test_tags_are_added_searched_and_removed(ada: Person) -> None:
    chat = await create_chat(ada)
    tags = (await ada.post(f"/api/v1/chats/{chat}/tags", {"name": "High Places"})).ok()
    assert [(tag["id"], tag["name"]) for tag in tags] == [("high_places", "High Places")]
    assert [chat["title"] for chat in (await ada.post("/api/v1/chats/tags", {"name": "High Places"})).ok()] == [
        "How high is Everest?"
    ]
    assert [tag["name"] for tag in (await ada.get("/api/v1/chats/all/tags")).ok()] == ["High Places"]
    assert (await ada.delete(f"/api/v1/chats/{chat}/tags", {"name": "High Places"})).ok() == []
    assert (await ada.get("/api/v1/chats/all/tags")).ok() == []


async def test_searching_finds_words_of_titles_and_messages(ada: Person, bob: Person) -> None:
    await create_chat(ada, "Mountains")
    await create_chat(ada, "Rivers", history=build_chat("Which river?", "The Ääkkönen, I think.")["history"])
    await create_chat(bob, "Mountains of Bob")
    assert await list_titles(ada, "/api/v1/chats/search", text="mountain") == ["Mountains"]
    assert await list_titles(ada, "/api/v1/chats/search", text="ÄÄKKÖNEN") == ["Rivers"]
    assert await list_titles(ada, "/api/v1/chats/search", text="100%_") == []


async def test_a_clone_and_a_fork_are_chats_of_their_own(ada: Person) -> None:
    chat = await create_chat(ada)
    clone = (await ada.post(f"/api/v1/chats/{chat}/clone", {})).ok()
    assert clone["id"] != chat and clone["title"] == "Clone of How high is Everest?"
    fork = (await ada.post(f"/api/v1/chats/{chat}/fork", {"message_id": "q1"})).ok()
    assert fork["id"] not in (chat, clone["id"])
    assert len(fork["chat"]["history"]["messages"]) == 1
    (await ada.delete(f"/api/v1/chats/{chat}")).ok()
    assert (await ada.get(f"/api/v1/chats/{clone['id']}")).ok()["chat"]["history"]["currentId"]


async def test_a_shared_chat_is_open_until_sharing_ends(ada: Person, bob: Person) -> None:
    chat = await create_chat(ada)
    share = (await ada.post(f"/api/v1/chats/{chat}/share")).ok()["share_id"]
    grant = {"principal_type": "user", "principal_id": bob.id, "permission": "read"}
    (await ada.post(f"/api/v1/chats/shared/{chat}/access/update", {"access_grants": [grant]})).ok()
    seen = (await bob.get(f"/api/v1/chats/share/{share}")).ok()
    assert seen["chat"]["history"]["messages"]["a1"]["content"] == "8,849 metres."
    assert [chat["title"] for chat in (await ada.get("/api/v1/chats/shared")).ok()] == ["How high is Everest?"]
    (await ada.delete(f"/api/v1/chats/{chat}/share")).ok()
    assert (await bob.get(f"/api/v1/chats/share/{share}")).status in (401, 404)


async def test_what_is_exported_can_be_imported(ada: Person, bob: Person) -> None:
    await create_chat(ada, "One")
    await create_chat(ada, "Two ☕")
    lines = (await ada.get("/api/v1/chats/all")).text.strip().splitlines()
    assert len(lines) == 2
    chats = [msgspec.json.decode(line) for line in lines]
    imported = (
        await bob.post(
            "/api/v1/chats/import", {"chats": [{"chat": chat["chat"], "meta": chat["meta"]} for chat in chats]}
        )
    ).ok()
    assert {chat["title"] for chat in imported} == {"One", "Two ☕"}
    assert {chat["user_id"] for chat in imported} == {bob.id}
    messages = (await bob.get(f"/api/v1/chats/{imported[0]['id']}")).ok()["chat"]["history"]["messages"]
    assert messages["a1"]["content"] == "8,849 metres."


async def test_deleting_all_chats_keeps_those_of_others(ada: Person, bob: Person) -> None:
    await create_chat(ada)
    await create_chat(bob, "Bob's")
    (await bob.post("/api/v1/chats/new", {"chat": build_chat("Second")})).ok()
    (await bob.delete("/api/v1/chats/")).ok()
    assert await list_titles(bob) == []
    assert await list_titles(ada) == ["How high is Everest?"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/chats/new", {}, 422),
        ("POST", "/api/v1/chats/new", {"chat": []}, 422),
        ("POST", "/api/v1/chats/import", {"chats": [{}]}, 422),
        ("GET", "/api/v1/chats/none-such", None, 401),
        ("POST", "/api/v1/chats/none-such", {"chat": {}}, 401),
        ("DELETE", "/api/v1/chats/none-such", None, 404),
        ("POST", "/api/v1/chats/none-such/pin", None, 401),
        ("POST", "/api/v1/chats/none-such/share", None, 401),
        ("GET", "/api/v1/chats/none-such/tags", None, 401),
        ("GET", "/api/v1/chats/share/none-such", None, 401),
    ],
)
async def test_invalid_requests_are_refused_and_lose_nothing(
    ada: Person, method: str, path: str, body: Any, status: int
) -> None:
    await create_chat(ada)
    (await ada.request(method, path, json=body)).refused(status)
    assert await list_titles(ada) == ["How high is Everest?"]


async def test_changes_at_once_to_different_messages_all_stay(ada: Person) -> None:
    history: dict[str, Any] = {"currentId": "m9", "messages": {}}
    for n in range(10):
        history["messages"][f"m{n}"] = {
            "id": f"m{n}", "role": "user" if n % 2 == 0 else "assistant", "content": "?",
            "parentId": f"m{n - 1}" if n else None, "childrenIds": [f"m{n + 1}"] if n < 9 else [],
        }  # fmt: skip
    chat = await create_chat(ada, history=history)
    changes = [ada.post(f"/api/v1/chats/{chat}/messages/m{n}", {"content": f"text {n}"}) for n in range(10)]
    for reply in await asyncio.gather(*changes):
        reply.ok()
    messages = (await ada.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]
    assert [messages[f"m{n}"]["content"] for n in range(10)] == [f"text {n}" for n in range(10)]
