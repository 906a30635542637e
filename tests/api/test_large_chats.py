"""Chats of ten megabytes: each operation is right, and none holds the event loop as long as decoding one would."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
import pytest

from conftest import Person
from loop_holds import measure_holds

#: Messages of the chat, and words of each: ten megabytes in all.
MESSAGES, WORDS = 1000, 1700
#: Milliseconds of processor time. Before chats were taken apart in another process, each operation held the loop for
#: 100 to 400; a loaded machine needs twice the time for the same work.
LONGEST_HOLD = 60


class LargeChat(NamedTuple):
    """A large chat, and its owner."""

    owner: Person
    id: str
    messages: dict[str, Any]

    @property
    def path(self) -> str:
        return f"/api/v1/chats/{self.id}"

    async def request(self, method: str, path: str, body: Any = None, *, limit: float = LONGEST_HOLD) -> Any:
        """Return the decoded response to a request, which must not hold the loop for longer than `limit`."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {"content-type": "application/json"}
        pieces = []
        with measure_holds() as holds:
            url = self.owner.url + path
            async with self.owner.http().request(method, url, data=content, headers=headers) as response:
                async for piece in response.content.iter_chunked(65536):
                    pieces.append(piece)
        assert response.status == 200, b"".join(pieces)[:500]
        assert holds.callback < limit, holds.slowest
        return msgspec.json.decode(b"".join(pieces))


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


async def test_a_large_chat_is_opened_and_changed(chat: LargeChat) -> None:
    texts = {key: message["content"] for key, message in chat.messages.items()}
    opened = await chat.request("GET", chat.path)
    assert get_texts(opened) == texts
    assert opened["chat"]["share_mode"] == "continue"

    renamed = await chat.request("POST", chat.path, {"chat": {"title": "Renamed"}})
    assert (renamed["title"], renamed["chat"]["title"], get_texts(renamed)) == ("Renamed", "Renamed", texts)

    edited = await chat.request("POST", f"{chat.path}/messages/m3", {"content": "Edited é"})
    texts["m3"] = "Edited é"
    assert get_texts(edited) == texts

    shorter = await chat.request("DELETE", f"{chat.path}/messages/m7")
    for deleted in ("m7", "m8"):
        del texts[deleted]
    assert get_texts(shorter) == texts
    messages = shorter["chat"]["history"]["messages"]
    assert (messages["m6"]["childrenIds"], messages["m9"]["parentId"]) == (["m9"], "m6")
    assert shorter["current_message_id"] == f"m{MESSAGES - 1}"

    assert (await chat.request("POST", f"{chat.path}/archive"))["archived"] is True
    unarchived = await chat.request("POST", f"{chat.path}/archive")
    assert (unarchived["archived"], get_texts(unarchived)) == (False, texts)


async def test_a_large_chat_is_shared_and_cloned(chat: LargeChat) -> None:
    texts = {key: message["content"] for key, message in chat.messages.items()}
    shared = await chat.request("POST", f"{chat.path}/share", {"share_mode": None})
    share_id = shared["share_id"]
    snapshot = await chat.request("GET", f"/api/v1/chats/share/{share_id}")
    assert get_texts(snapshot) == texts

    # The search indexes the original meanwhile.
    clone = await chat.request("POST", f"{chat.path}/clone", {"title": "Copy"}, limit=400)
    assert (clone["title"], clone["chat"]["originalChatId"], get_texts(clone)) == ("Copy", chat.id, texts)
    assert clone["id"] != chat.id

    (await chat.owner.delete(chat.path)).ok()
    (await chat.owner.get(chat.path)).refused(401)
    assert get_texts(await chat.request("GET", f"/api/v1/chats/{clone['id']}")) == texts
