"""Messages of chats: both stores (the chat's document, a row for each message) agree after every change."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
import pytest

from conftest import Person, Server
from fastback.features.chats.messages import store as message_store
from fastback.kit.db import Database
from sample_chats import build_chat, create_chat
from waiting import wait_until

PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
NOT_FOUND = "We could not find what you're looking for :/"
#: Fields of a message that both stores contain.
SHARED_FIELDS = (
    "role",
    "parentId",
    "content",
    "output",
    "model",
    "files",
    "sources",
    "embeds",
    "meta",
    "statusHistory",
    "error",
)


class _Chat(msgspec.Struct):
    chat: dict[str, Any]
    current_message_id: str | None


async def load_synchronized_messages(server: Server, chat_id: str) -> dict[str, Any]:
    """Return the messages of a chat; fail unless both stores agree."""
    db = server.services.get(Database)
    chat = await db.fetch_first(
        _Chat, "test.chat", "SELECT chat, current_message_id FROM chat WHERE id = :id", id=chat_id
    )
    assert chat is not None
    history = chat.chat["history"]
    rows = await message_store.load_messages(db, chat_id)
    assert set(rows) == set(history["messages"])
    for message_id, message in history["messages"].items():
        row = rows[message_id]
        for name in SHARED_FIELDS:
            assert row.get(name) == message.get(name), (message_id, name)
        assert sorted(row["childrenIds"]) == sorted(message["childrenIds"])
        assert row["done"] == message.get("done", True)
    assert chat.current_message_id == history["currentId"]
    messages: dict[str, Any] = history["messages"]
    return messages


async def test_a_new_chat_is_in_both_stores(server: Server, ada: Person) -> None:
    assert set(await load_synchronized_messages(server, await create_chat(ada))) == {"u1", "a1", "u2", "a2", "u3", "a3"}


async def test_a_changed_message_is_in_both_stores(server: Server, ada: Person) -> None:
    chat = await create_chat(ada)
    path = f"/api/v1/chats/{chat}/messages"
    (await ada.post(f"{path}/a1", {"content": "Better."})).ok()
    (await ada.post(f"{path}/a1", {"voice": {"id": "v"}})).ok()
    (await ada.post(f"{path}/new", {"content": "Out of nowhere"})).ok()
    messages = await load_synchronized_messages(server, chat)
    assert messages["a1"]["content"] == "Better." and messages["a1"]["meta"] == {"voice": {"id": "v"}}
    assert messages["new"]["role"] == "assistant" and messages["new"]["parentId"] is None


@pytest.mark.parametrize(
    ("deleted", "remaining", "parents"),
    [
        ("u1", {"u2", "a2", "u3", "a3"}, {"u2": None}),
        ("u2", {"u1", "a1", "u3", "a3"}, {"u3": "a1"}),
        ("a2", {"u1", "a1", "u2", "a3"}, {"a3": "u2"}),
        ("a3", {"u1", "a1", "u2", "a2", "u3"}, {}),
    ],
)
async def test_replies_to_a_deleted_message_move_up_in_both_stores(
    server: Server, ada: Person, deleted: str, remaining: set[str], parents: dict[str, str | None]
) -> None:
    chat = await create_chat(ada)
    (await ada.delete(f"/api/v1/chats/{chat}/messages/{deleted}")).ok()
    messages = await load_synchronized_messages(server, chat)
    assert set(messages) == remaining
    assert {key: messages[key]["parentId"] for key in parents} == parents


async def test_a_saved_history_is_in_both_stores(server: Server, ada: Person) -> None:
    chat = await create_chat(ada)
    new = {"id": "u4", "parentId": "a3", "childrenIds": [], "role": "user", "content": "More?", "timestamp": 1}
    changed = {**build_chat()["history"]["messages"]["u1"], "content": "Changed"}
    history = {"messages": {"u1": changed, "u4": new}, "currentId": "u4"}
    (await ada.post(f"/api/v1/chats/{chat}", {"chat": {"history": history}})).ok()
    messages = await load_synchronized_messages(server, chat)
    assert messages["u1"]["content"] == "Changed" and messages["a3"]["childrenIds"] == ["u4"]


async def test_events_are_stored_in_both_stores(server: Server, ada: Person) -> None:
    chat = await create_chat(ada)
    path = f"/api/v1/chats/{chat}/messages/a1/event"
    for kind, data in (
        ("status", {"description": "One"}),
        ("status", {"description": "Two"}),
        ("message", {"content": "!"}),
        ("files", {"files": [{"id": "f1"}]}),
        ("files", {"files": [{"id": "f2"}]}),
        ("embeds", {"embeds": ["<a>"]}),
        ("embeds", {"embeds": ["<b>"], "replace": True}),
        ("source", {"source": {"name": "s"}}),
        ("notification", {"content": "not kept"}),
    ):
        assert (await ada.post(path, {"type": kind, "data": data})).ok() is True
    message = (await load_synchronized_messages(server, chat))["a1"]
    assert [status["description"] for status in message["statusHistory"]] == ["One", "Two"]
    assert message["content"] == "assistant 1!"
    assert [file["id"] for file in message["files"]] == ["f2", "f1"]
    assert message["embeds"] == ["<b>"] and message["sources"] == [{"source": {"name": "s"}}]
    for kind, data in (("files", {"files": "x"}), ("embeds", {"embeds": 1}), ("message", {"content": 1})):
        assert (await ada.post(path, {"type": kind, "data": data})).ok() is False
    assert (await load_synchronized_messages(server, chat))["a1"] == message


async def test_copies_are_in_both_stores(server: Server, ada: Person) -> None:
    chat = await create_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat}/messages/a2", {"content": "Newer."})).ok()
    clone = (await ada.post(f"/api/v1/chats/{chat}/clone", {})).ok()["id"]
    fork = (await ada.post(f"/api/v1/chats/{chat}/fork", {"message_id": "a2"})).ok()["id"]
    assert set(await load_synchronized_messages(server, clone)) == {"u1", "a1", "u2", "a2", "u3", "a3"}
    messages = await load_synchronized_messages(server, fork)
    assert set(messages) == {"u1", "a1", "u2", "a2"} and messages["a2"]["content"] == "Newer."


async def test_only_owners_and_administrators_change_messages(ada: Person, bob: Person, cy: Person) -> None:
    chat = await create_chat(bob)
    path = f"/api/v1/chats/{chat}/messages/a1"
    (await cy.post(path, {"content": "x"})).refused(401, PROHIBITED)
    (await cy.delete(path)).refused(401, PROHIBITED)
    (await cy.post(f"{path}/event", {"type": "status", "data": {}})).refused(401, PROHIBITED)
    (await cy.post(f"{path}/resolve", {"call_id": "c", "action": "reject"})).refused(401, PROHIBITED)
    (await ada.post(path, {"content": "By Ada"})).ok()
    messages = (await bob.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]
    assert messages["a1"]["content"] == "By Ada"


async def test_voices_need_an_existing_message_and_a_limited_size(ada: Person) -> None:
    chat = await create_chat(ada)
    path = f"/api/v1/chats/{chat}/messages"
    (await ada.post(f"{path}/none", {"voice": {"id": "v"}})).refused(404, NOT_FOUND)
    (await ada.post(f"{path}/a1", {"voice": {"id": "v" * 100_001}})).refused(400, "Voice metadata is too large")
    (await ada.post(f"{path}/a1", {})).refused(400, "No message changes supplied")


async def test_a_chat_without_links_opens_at_the_end_of_its_branch(ada: Person) -> None:
    document = build_chat()
    for message in document["history"]["messages"].values():
        message["childrenIds"] = []
    document["history"]["currentId"] = "u1"
    opened = (await ada.get(f"/api/v1/chats/{await create_chat(ada, document)}")).ok()["chat"]["history"]
    assert opened["currentId"] == "a3" and opened["messages"]["a1"]["childrenIds"] == ["u2"]


def build_call(call_id: str, name: str, status: str = "pending") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", "status": status}


def build_waiting_chat(*calls: dict[str, Any]) -> dict[str, Any]:
    document = build_chat(1)
    document["history"]["messages"]["a1"] |= {"output": list(calls), "done": False}
    return document


async def test_a_decision_on_a_tool_call_is_in_both_stores(server: Server, ada: Person) -> None:
    chat = await create_chat(
        ada,
        build_waiting_chat(
            build_call("c1", "search"), build_call("c2", "ask_user", "queued"), build_call("c3", "search")
        ),
    )
    path = f"/api/v1/chats/{chat}/messages/a1/resolve"
    result = (await ada.post(path, {"call_id": "c1", "action": "reject"})).ok()
    assert result == {"status": True, "chat_id": chat, "message_id": "a1", "task_ids": []}
    output = (await load_synchronized_messages(server, chat))["a1"]["output"]
    assert [item.get("status") for item in output] == ["rejected", "pending", "pending", "rejected"]
    (await ada.post(path, {"call_id": "c1", "action": "reject"})).refused(409, "Tool call has already been resolved.")
    (await ada.post(path, {"call_id": "c2", "action": "answer"})).refused(400, "Answers are required for ask_user.")
    (await ada.post(path, {"call_id": "c2", "action": "approve"})).refused(400, "ask_user requires an answer or deny.")
    (await ada.post(path, {"call_id": "c3", "action": "answer", "answers": {}})).refused(
        400, "Tool call does not accept answers."
    )
    (await ada.post(path, {"call_id": "c9", "action": "reject"})).refused(404, "Tool call not found.")
    assert (await load_synchronized_messages(server, chat))["a1"]["output"] == output


@pytest.mark.parametrize("session", ["s1", None])
async def test_the_model_continues_when_no_call_waits(
    server: Server, ada: Person, upstream: str, session: str | None
) -> None:
    document = build_waiting_chat(build_call("c1", "ask_user"))
    if session:
        document["history"]["messages"]["a1"]["meta"] = {"session_id": session}
    chat = await create_chat(ada, document)
    path = f"/api/v1/chats/{chat}/messages/a1/resolve"
    result = (await ada.post(path, {"call_id": "c1", "action": "answer", "answers": {"q": "Blue"}})).ok()
    assert result["status"] is True and len(result["task_ids"]) == 1

    # The turn ends after both stores have the answer; a message is done as soon as one of them says so.
    async def has_ended() -> bool:
        return not (await ada.get(f"/api/tasks/chat/{chat}")).ok()["task_ids"]

    await wait_until(has_ended)
    message = (await ada.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]["a1"]
    assert message["done"]
    async with aiohttp.ClientSession() as client, client.get(f"{upstream}/_requests") as reply:
        sent_messages = (await reply.json())[-1]["body"]["messages"]
    assert [sent["role"] for sent in sent_messages] == ["user", "assistant", "tool"] and sent_messages[0][
        "content"
    ] == "user 1"
    kinds = [item["type"] for item in message["output"]]
    assert kinds[:2] == ["function_call", "function_call_output"] and kinds[-1] == "message"
    assert message["content"]
    await load_synchronized_messages(server, chat)


async def test_fields_that_are_not_text_are_left_out_of_rows(server: Server, ada: Person) -> None:
    document = build_chat(1)
    document["history"]["messages"]["a1"] |= {"model": 5, "user_id": ["a"], "contextSummary": {}, "parent_id": 7}
    chat = await create_chat(ada, document)
    opened = (await ada.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]["a1"]
    assert opened["model"] == 5 and opened["content"] == "assistant 1"
    rows = await message_store.load_messages(server.services.get(Database), chat)
    assert rows["a1"]["content"] == "assistant 1" and "model" not in rows["a1"] and rows["a1"]["user_id"] == ada.id
