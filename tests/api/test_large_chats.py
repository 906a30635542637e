"""Chats of eight megabytes: each operation is right, and none holds the event loop as long as decoding one would."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
import pytest

from conftest import Person, Server
from fastback.features.chats.document import Document
from fastback.features.chats.messages.running_answers import RemoteAnswer, RunningAnswers
from fastback.kit.large_json import send_slices
from loop_holds import LoopHolds, measure_holds
from page_client import open_page

#: Messages of the chat, and words of each: eight megabytes in all.
MESSAGES, WORDS = 1000, 1300
#: Milliseconds of processor time that no operation may take. Measured are 2 to 8, whatever the size of the chat, which
#: leaves enough for slow machines; operations that decode, copy or write this chat in one call take 20 to 60.
LONGEST_HOLD = 30


class LargeChat(NamedTuple):
    """A large chat, and its owner."""

    owner: Person
    id: str
    messages: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/api/v1/chats/{self.id}"

    async def request(self, method: str, path: str, body: Any = None, *, person: Person | None = None) -> Any:
        """Return the decoded response to a request, by default of the owner, which must not hold the loop for long."""
        person = person or self.owner
        content = None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json", "content-length": str(len(content or b""))}
        pieces = []
        with measure_holds() as holds:
            data = None if content is None else send_slices(content)
            async with person.http().request(method, person.url + path, data=data, headers=headers) as response:
                async for piece in response.content.iter_chunked(65536):
                    pieces.append(piece)
        assert response.status == 200, b"".join(pieces)[:500]
        check_holds(holds)
        return msgspec.json.decode(b"".join(pieces))


def check_holds(holds: LoopHolds) -> None:
    assert holds.callback < LONGEST_HOLD, holds.slowest


def build_messages() -> dict[str, Any]:
    source = random.Random(5)
    words = ['"quoted"', "Straße", "line\nline", *(f"w{source.getrandbits(40):x}" for _ in range(2000))]
    return {
        f"m{i}": {
            "id": f"m{i}",
            "parentId": f"m{i - 1}" if i else None,
            "childrenIds": [f"m{i + 1}"] if i < MESSAGES - 1 else [],
            "role": "assistant" if i % 2 else "user",
            "content": " ".join(source.choices(words, k=WORDS // 2)),
            "timestamp": 1_700_000_000 + i,
            **({"model": "demo-small", "done": True} if i % 2 else {}),
        }
        for i in range(MESSAGES)
    }


@pytest.fixture
async def chat(ada: Person) -> AsyncIterator[LargeChat]:
    messages = build_messages()
    history = {"currentId": f"m{MESSAGES - 1}", "messages": messages}
    created = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Long", "history": history}})).ok()
    yield LargeChat(ada, created["id"], messages)


def get_texts(chat: Any) -> dict[str, str]:
    return {key: message["content"] for key, message in chat["chat"]["history"]["messages"].items()}


def get_contents(messages: dict[str, Any]) -> dict[str, str]:
    return {key: message["content"] for key, message in messages.items()}


async def test_a_large_chat_is_opened_and_changed(chat: LargeChat) -> None:
    texts = get_contents(chat.messages)
    opened = await chat.request("GET", chat.path)
    assert get_texts(opened) == texts
    assert opened["chat"]["share_mode"] == "continue"

    change = {"chat": {"title": "Renamed"}, "variables": {"city": "Rome"}}
    renamed = await chat.request("POST", chat.path, change)
    assert (renamed["title"], renamed["chat"]["title"], get_texts(renamed)) == ("Renamed", "Renamed", texts)
    assert renamed["variables"] == {"city": "Rome"}

    edited = await chat.request("POST", f"{chat.path}/messages/m3", {"content": "Edited é"})
    texts["m3"] = "Edited é"
    assert get_texts(edited) == texts
    status = {"type": "status", "data": {"description": "Searching"}}
    assert await chat.request("POST", f"{chat.path}/messages/m5/event", status) is True

    shorter = await chat.request("DELETE", f"{chat.path}/messages/m7")
    for deleted in ("m7", "m8"):
        del texts[deleted]
    assert get_texts(shorter) == texts
    messages = shorter["chat"]["history"]["messages"]
    assert (messages["m6"]["childrenIds"], messages["m9"]["parentId"]) == (["m9"], "m6")
    assert shorter["current_message_id"] == f"m{MESSAGES - 1}"
    assert messages["m5"]["statusHistory"] == [{"description": "Searching"}]


async def test_a_large_chat_is_moved_and_marked(chat: LargeChat) -> None:
    folder = (await chat.owner.post("/api/v1/folders/", {"name": "Folder"})).ok()
    assert (await chat.request("POST", f"{chat.path}/folder", {"folder_id": folder["id"]}))["folder_id"] == folder["id"]
    assert (await chat.request("POST", f"{chat.path}/pin"))["pinned"] is True
    assert await chat.request("GET", f"{chat.path}/pinned") is True
    (tag,) = await chat.request("POST", f"{chat.path}/tags", {"name": "Long"})
    assert tag["name"] == "Long"
    assert len(await chat.request("GET", f"{chat.path}/tags")) == 1
    assert await chat.request("DELETE", f"{chat.path}/tags", {"name": "Long"}) == []
    unread = await chat.request("POST", f"{chat.path}/unread")
    assert unread["folder_unread_counts"] == {folder["id"]: 1}
    assert (await chat.request("POST", "/api/v1/chats/read"))["updated_count"] == 1
    assert (await chat.request("POST", f"{chat.path}/archive"))["archived"] is True
    unarchived = await chat.request("POST", f"{chat.path}/archive")
    assert (unarchived["archived"], get_texts(unarchived)) == (False, get_contents(chat.messages))


async def test_a_large_chat_is_saved_with_its_history_and_exported(chat: LargeChat) -> None:
    texts = get_contents(chat.messages)
    history = {"currentId": f"m{MESSAGES - 1}", "messages": chat.messages}
    chat.messages["m9"]["content"] = texts["m9"] = "Changed"
    saved = await chat.request("POST", chat.path, {"chat": {"history": history}})
    assert get_texts(saved) == texts
    (imported,) = await chat.request(
        "POST", "/api/v1/chats/import", {"chats": [{"chat": {"title": "Again", "history": history}}]}
    )
    assert get_texts(imported) == texts
    exported = await chat.request("GET", "/api/v1/chats/all/db")
    assert {entry["title"]: get_texts(entry) for entry in exported} == {"Long": texts, "Again": texts}
    figures = await chat.request("GET", f"/api/v1/chats/stats/export/{chat.id}")
    assert figures["stats"]["history_message_count"] == MESSAGES
    assert figures["chat"]["history"]["messages"]["m9"]["content_length"] == len("Changed")


async def test_a_large_chat_is_shared_and_copied(chat: LargeChat, bob: Person) -> None:
    texts = get_contents(chat.messages)
    shared = await chat.request("POST", f"{chat.path}/share", {"share_mode": "continue"})
    share_id = shared["share_id"]
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": "read"}]
    access = f"/api/v1/chats/shared/{chat.id}/access/update"
    await chat.request("POST", access, {"access_grants": grants})
    live = await chat.request("GET", chat.path, person=bob)
    assert get_texts(live) == texts
    await chat.request("POST", access, {"access_grants": grants, "share_mode": None})
    snapshot = await chat.request("GET", f"/api/v1/chats/share/{share_id}", person=bob)
    assert get_texts(snapshot) == texts
    copy = await chat.request("POST", f"/api/v1/chats/{share_id}/clone/shared", person=bob)
    assert (copy["user_id"], get_texts(copy)) == (bob.id, texts)

    clone = await chat.request("POST", f"{chat.path}/clone", {"title": "Copy"})
    assert (clone["title"], clone["chat"]["originalChatId"], get_texts(clone)) == ("Copy", chat.id, texts)
    assert clone["id"] != chat.id
    fork = await chat.request("POST", f"{chat.path}/fork", {"message_id": f"m{MESSAGES - 3}"})
    branch = {f"m{number}": texts[f"m{number}"] for number in range(MESSAGES - 2)}
    assert get_texts(fork) == branch
    assert [message["id"] for message in fork["chat"]["messages"]] == list(branch)

    assert await chat.request("DELETE", f"{chat.path}/share") is True
    assert await chat.request("DELETE", chat.path) is True
    (await chat.owner.get(chat.path)).refused(401)
    assert get_texts(await chat.request("GET", f"/api/v1/chats/{clone['id']}")) == texts


async def test_questions_are_asked_in_a_large_chat(chat: LargeChat) -> None:
    last_id = f"m{MESSAGES - 1}"
    async with open_page(chat.owner) as page:
        with measure_holds() as holds:
            ids = await page.ask(
                "Hello", chat_id=chat.id, parent_id=last_id, background_tasks={"tags_generation": True}
            )
        check_holds(holds)
        stopped = page.build_body("[[tokens 100000]]", chat_id=chat.id, parent_id=ids["answer"])
        page.events.clear()
        with measure_holds() as holds:
            started = (await chat.owner.post("/api/chat/completions", stopped)).ok()
            (await chat.owner.post(f"/api/tasks/stop/{started['task_ids'][0]}")).ok()
            await page.wait_until_idle()
        check_holds(holds)
    parent_id = stopped["id"]
    question = {"id": "q", "parentId": parent_id, "role": "user", "content": "Hi [[tokens 3]]"}
    body = {"model": "demo-small", "id": "a", "user_message": question, "parent_id": parent_id, "chat_id": chat.id}
    await chat.request("POST", "/api/chat/completions", body)
    messages = (await chat.request("GET", chat.path))["chat"]["history"]["messages"]
    assert all(messages[message_id]["content"] and messages[message_id]["done"] for message_id in (ids["answer"], "a"))

    settings = (await chat.owner.get("/api/v1/chats/config")).ok()
    (await chat.owner.post("/api/v1/chats/config", {**settings, "ENABLE_CONTEXT_COMPACTION": True})).ok()
    compacted = await chat.request("POST", f"{chat.path}/compact", {})
    assert compacted["compacted"] is True and compacted["context_usage"]["tokens"] > 0


async def test_a_running_answer_of_megabytes_does_not_hold_the_loop(server: Server) -> None:
    messages = {"a": {"id": "a", "role": "assistant", "content": "", "parentId": None, "childrenIds": []}}
    document = Document(msgspec.json.encode({"history": {"currentId": "a", "messages": messages}}))
    text = '"Straße"\n' * 4_000_000
    running_answers = server.services.get(RunningAnswers)
    answer = RemoteAnswer({"content": text})
    running_answers.add("chat", "a", answer)
    with measure_holds() as holds:
        await asyncio.sleep(0)  # the step that is under way is not measured
        running_answers.overlay_document("chat", document)
        await asyncio.sleep(0)
        content = await document.encode_raw()
    running_answers.remove("chat", "a", answer)
    check_holds(holds)
    assert msgspec.json.decode(content)["history"]["messages"]["a"]["content"] == text
