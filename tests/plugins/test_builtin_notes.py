"""Built-in tools for notes and chats: a model finds, reads and edits what the user may, and nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from builtin_calls import call_builtin, list_offered, set_model
from conftest import Person
from note_editor import NOTES, create_note, open_editor
from page_client import open_page
from queued_model import MODEL_ID, QueuedModel, call_tools

NOTE_TOOLS = {"search_notes", "view_note", "write_note", "replace_note_content"}


async def set_note_permission(admin: Person, *, allowed: bool) -> None:
    permissions = (await admin.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["notes"] = allowed
    (await admin.post("/api/v1/users/default/permissions", permissions)).ok()


async def test_a_note_is_written_found_read_and_edited(ada: Person, model: QueuedModel) -> None:
    text = "Herons are here. Egrets wade. Herons fly."
    (written,) = await call_builtin(ada, model, ("write_note", {"title": "To-do birds", "content": text}))
    assert written["status"] == "success" and written["title"] == "To-do birds" and written["created_at"]
    note_id = written["id"]
    found, none, viewed, missing = await call_builtin(
        ada,
        model,
        ("search_notes", {"query": "todo egrets"}),
        ("search_notes", {"query": "egrets", "end_timestamp": 1000}),
        ("view_note", {"note_id": note_id}),
        ("view_note", {"note_id": "nowhere"}),
    )
    updated_at = viewed["updated_at"]
    assert found == [{"id": note_id, "title": "To-do birds", "snippet": text, "updated_at": updated_at}]
    assert none == [] and missing == {"error": "Note not found"}
    created_at = written["created_at"]
    expected = {"id": note_id, "title": "To-do birds", "content": text}
    assert viewed == {**expected, "updated_at": updated_at, "created_at": created_at}
    ambiguous, edited, everything = await call_builtin(
        ada,
        model,
        (
            "replace_note_content",
            {"note_id": note_id, "operations": [{"action": "replace_text", "find": "Herons", "content": "Storks"}]},
        ),
        (
            "replace_note_content",
            {
                "note_id": note_id,
                "title": "Birds",
                "operations": [
                    {"action": "replace_text", "find": "Herons", "content": "Storks", "occurrence": 1},
                    {"action": "replace_text", "start": 0, "end": 6, "content": "Cranes", "expected": "Herons"},
                ],
            },
        ),
        ("view_note", {"note_id": note_id}),
    )
    assert ambiguous["code"] == "ambiguous_match" and ambiguous["index"] == 0
    assert [match["start"] for match in ambiguous["matches"]] == [0, 30]
    assert edited["applied_operation_count"] == 2 and edited["title"] == "Birds"
    assert edited["applied_ranges"] == [{"start": 0, "end": 6}, {"start": 30, "end": 36}]
    assert everything["content"] == "Cranes are here. Egrets wade. Storks fly."
    whole, empty = await call_builtin(
        ada,
        model,
        ("replace_note_content", {"note_id": note_id, "content": "New."}),
        ("replace_note_content", {"note_id": note_id}),
    )
    assert whole["status"] == "success" and whole["applied_operation_count"] == 0 and whole["applied_ranges"] == []
    assert empty == {"error": "content or operations is required", "code": "content_required"}
    stored = (await ada.get(f"{NOTES}/{note_id}")).ok()
    assert stored["data"]["content"] == {"json": None, "html": "", "md": "New."} and stored["title"] == "Birds"


async def test_invalid_edits_change_nothing_and_say_why(ada: Person, model: QueuedModel) -> None:
    note_id = await create_note(ada)
    (await ada.post(f"{NOTES}/{note_id}/update", {"data": {"content": {"md": "abc abc"}}})).ok()
    text = {"action": "replace_text", "content": "x"}
    edits: dict[str, Any] = {
        "invalid_operations": [],
        "invalid_operation": [{**text, "find": "a", "start": 0}],
        "invalid_action": [{"action": "jump"}],
        "invalid_content": [{"action": "replace"}],
        "invalid_find": [{**text, "find": ""}],
        "invalid_occurrence": [{**text, "find": "abc", "occurrence": 7}],
        "text_not_found": [{**text, "find": "xyz"}],
        "invalid_range": [{**text, "start": "0", "end": 1}],
        "range_out_of_bounds": [{**text, "start": 0, "end": 8}],
        "expected_mismatch": [{**text, "start": 0, "end": 3, "expected": "abd"}],
        "overlapping_operations": [{**text, "start": 0, "end": 3}, {**text, "start": 2, "end": 4}],
    }
    calls = [("replace_note_content", {"note_id": note_id, "operations": operations}) for operations in edits.values()]
    results = await call_builtin(ada, model, *calls)
    assert [result["code"] for result in results] == list(edits)
    assert (await ada.get(f"{NOTES}/{note_id}")).ok()["data"]["content"]["md"] == "abc abc"


async def test_notes_of_others_are_read_and_written_as_they_were_granted(
    ada: Person, bob: Person, model: QueuedModel
) -> None:
    await set_model(ada)
    grant = {"principal_type": "user", "principal_id": bob.id, "permission": "read"}
    shared_id, hidden_id = await create_note(ada, grant), await create_note(ada)
    found, viewed, refused, hidden, hidden_edit = await call_builtin(
        bob,
        model,
        ("search_notes", {"query": "Birds"}),
        ("view_note", {"note_id": shared_id}),
        ("replace_note_content", {"note_id": shared_id, "content": "Mine!"}),
        ("view_note", {"note_id": hidden_id}),
        ("replace_note_content", {"note_id": hidden_id, "content": "Mine!"}),
    )
    assert [note["id"] for note in found] == [shared_id] and viewed["title"] == "Birds"
    denied = {"error": "Write access denied", "code": "write_access_denied"}
    assert refused == hidden_edit == denied and hidden == {"error": "Access denied"}


async def test_open_pages_of_a_note_show_what_a_model_changes_and_lose_nothing(
    ada: Person, bob: Person, model: QueuedModel
) -> None:
    grants = [{"principal_type": "user", "principal_id": bob.id, "permission": name} for name in ("read", "write")]
    note_id = await create_note(ada, *grants)
    async with open_editor(bob, note_id) as editor:
        messages: asyncio.Queue[Any] = asyncio.Queue()
        editor.socket.on("events:note", messages.put)
        await editor.socket.call("join-note", {"note_id": note_id, "auth": {"token": bob.token}}, timeout=5)
        await editor.join()
        await editor.write("Bob writes herons.")  # not stored yet
        edit = {"action": "replace_text", "find": "herons", "content": "storks"}
        (result,) = await call_builtin(ada, model, ("replace_note_content", {"note_id": note_id, "operations": [edit]}))
        assert result["status"] == "success"
        message = await asyncio.wait_for(messages.get(), 5)
        assert message["data"]["content"] == {"json": None, "html": "", "md": "Bob writes storks."}
        await asyncio.sleep(0.7)  # nothing older is saved afterwards
    assert (await ada.get(f"{NOTES}/{note_id}")).ok()["data"]["content"]["md"] == "Bob writes storks."


async def test_tools_for_notes_need_the_permission_except_in_the_chat_of_a_note(
    ada: Person, bob: Person, model: QueuedModel
) -> None:
    await set_model(ada)
    assert set(await list_offered(bob, model)) >= NOTE_TOOLS
    note_id = await create_note(bob)
    chat = (await bob.get(f"{NOTES}/{note_id}/chat")).ok()
    await set_note_permission(ada, allowed=False)
    assert not NOTE_TOOLS & set(await list_offered(bob, model))
    meta = {"builtinTools": {"notes": False}, "capabilities": {"builtin_tools": False}}
    await set_model(ada, meta)
    assert set(await list_offered(bob, model, chat_id=chat["id"])) >= NOTE_TOOLS
    assert await list_offered(bob, model) == []


async def test_earlier_chats_are_found_and_read(ada: Person, bob: Person, model: QueuedModel) -> None:
    await set_model(ada)
    model.queue("They wade in shallow water.")
    async with open_page(ada) as page:
        earlier = await page.ask("Tell me how herons catch fish", models=[MODEL_ID])
        page.events.clear()
        other = await page.ask("Something about stones", models=[MODEL_ID])
    found, by_words, none, viewed = await call_builtin(
        ada,
        model,
        ("search_chats", {"query": "herons catch"}),
        ("search_chats", {"query": "fish herons", "count": "1"}),
        ("search_chats", {"query": "herons", "start_timestamp": 4_000_000_000}),
        ("view_chat", {"chat_id": earlier["chat_id"]}),
    )
    assert [chat["id"] for chat in found] == [earlier["chat_id"]] == [chat["id"] for chat in by_words]
    assert set(found[0]) == {"id", "title", "snippet", "updated_at"} and "herons" in found[0]["snippet"]
    assert none == [] and other["chat_id"] not in json.dumps(found)
    assert viewed["messages"] == [
        {"role": "user", "content": "Tell me how herons catch fish"},
        {"role": "assistant", "content": "They wade in shallow water."},
    ]
    assert set(viewed) == {"id", "title", "messages", "updated_at", "created_at"}
    nothing, denied = await call_builtin(
        bob, model, ("search_chats", {"query": "herons"}), ("view_chat", {"chat_id": earlier["chat_id"]})
    )
    assert nothing == [] and denied == {"error": "Chat not found or access denied"}


async def test_the_chat_that_asks_is_not_among_the_chats_that_are_found(ada: Person, model: QueuedModel) -> None:
    model.queue(call_tools(("search_chats", {"query": "quetzal"})), "Done.")
    async with open_page(ada) as page:
        await page.ask("Where did I write of the quetzal?", models=[MODEL_ID])
    assert json.loads(model.requests[-1]["messages"][-1]["content"]) == []


async def test_odd_arguments_get_errors_and_harm_nothing(ada: Person, model: QueuedModel) -> None:
    huge, many_words = 10**30, " ".join(f"word{number}" for number in range(3000))
    results = await call_builtin(
        ada,
        model,
        ("search_notes", {"query": "a\x00b", "count": huge, "start_timestamp": huge, "end_timestamp": -huge}),
        ("search_notes", {"query": "%" * 5000}),
        ("search_notes", {"query": many_words}),
        ("search_chats", {"query": many_words, "count": -huge, "start_timestamp": huge}),
        ("search_chats", {"query": "\x00"}),
        ("view_chat", {"chat_id": "\x00"}),
        ("search_notes", {"query": "x", "count": "many"}),
        ("replace_note_content", {"note_id": "x", "operations": "nope"}),
        ("write_note", {"title": "Odd\x00\ud800", "content": "\x00text\udfff"}),
        ("search_notes", {"query": "odd text"}),
    )
    assert results[:4] == [[], [], [], []]
    assert results[5] == {"error": "Chat not found or access denied"}
    assert results[6] == {"error": "'count' must be a whole number"}
    assert results[7]["code"] == "not_found"
    assert results[8]["title"] == "Odd" and results[9][0]["snippet"] == "text"
