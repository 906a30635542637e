"""Built-in tools for channels: a model finds and reads what the user may, and nothing else."""

from __future__ import annotations

from builtin_calls import call_builtin, list_offered, set_model
from channel_client import create_channel, create_group, enable_channels, open_channel_page, post_message
from conftest import Person
from queued_model import MODEL_ID, QueuedModel, call_tools

CHANNEL_TOOLS = {"search_channels", "search_channel_messages", "view_channel_thread", "view_channel_message"}


async def test_a_model_finds_and_reads_messages(ada: Person, bob: Person, model: QueuedModel) -> None:
    await enable_channels(ada)
    birds = await create_group(ada, bob, name="Birds", description="All that flies")
    parent = await post_message(bob, birds, "x" * 90 + " Where are the Herons today? " + "y" * 120)
    reply = await post_message(ada, birds, "By the lake", parent_id=parent["id"], reply_to_id=parent["id"])
    by_name, by_text, nothing, found, late = await call_builtin(
        ada,
        model,
        ("search_channels", {"query": "BIRD"}),
        ("search_channels", {"query": "flies", "count": 1}),
        ("search_channels", {"query": "fish"}),
        ("search_channel_messages", {"query": "herons today"}),
        ("search_channel_messages", {"query": "herons", "start_timestamp": 4_000_000_000}),
    )
    entry = {"id": birds["id"], "name": "birds", "description": "All that flies", "type": "group"}
    assert by_name == by_text == [entry]
    assert nothing == late == []
    (match,) = found
    assert match["message_id"] == parent["id"] and match["channel_name"] == "birds"
    assert match["content_snippet"].startswith("...") and "Herons today" in match["content_snippet"]
    assert (match["is_thread_reply"], match["parent_id"]) == (False, None)
    message, thread = await call_builtin(
        ada,
        model,
        ("view_channel_message", {"message_id": reply["id"]}),
        ("view_channel_thread", {"parent_message_id": parent["id"]}),
    )
    assert message == {
        "id": reply["id"],
        "channel_id": birds["id"],
        "channel_name": "birds",
        "content": "By the lake",
        "user_id": ada.id,
        "is_thread_reply": True,
        "parent_id": parent["id"],
        "reply_count": 0,
        "created_at": reply["created_at"],
        "updated_at": reply["updated_at"],
        "user_name": "Ada",
    }
    assert (thread["message_count"], thread["thread_id"]) == (2, parent["id"])
    assert [(entry["user_name"], entry["is_parent"]) for entry in thread["messages"]] == [("Bob", True), ("Ada", False)]
    assert thread["messages"][1]["reply_to_id"] == parent["id"]


async def test_a_model_reads_no_channel_of_others(ada: Person, bob: Person, cy: Person, model: QueuedModel) -> None:
    await enable_channels(ada)
    secret = await post_message(bob, await create_group(bob, cy, name="secret"), "The secret heron")
    results = await call_builtin(
        ada,
        model,
        ("search_channels", {"query": "secret"}),
        ("search_channel_messages", {"query": "heron"}),
        ("view_channel_message", {"message_id": secret["id"]}),
        ("view_channel_thread", {"parent_message_id": secret["id"]}),
        ("view_channel_message", {"message_id": "nothing"}),
        ("search_channel_messages", {"query": "%", "count": "many"}),
    )
    denied = {"error": "Access denied"}
    assert results[:5] == [[], [], denied, denied, {"error": "Message not found"}]
    assert "count" in results[5]["error"]


async def test_the_tools_are_offered_where_channels_are(ada: Person, model: QueuedModel) -> None:
    assert not CHANNEL_TOOLS & set(await list_offered(ada, model))
    await enable_channels(ada)
    assert set(await list_offered(ada, model)) >= CHANNEL_TOOLS
    await set_model(ada, {"builtinTools": {"channels": False}})
    assert not CHANNEL_TOOLS & set(await list_offered(ada, model))


async def test_a_model_in_a_channel_uses_tools(ada: Person, model: QueuedModel) -> None:
    await enable_channels(ada)
    channel = await create_channel(ada, "birds")
    await post_message(ada, channel, "The heron is grey")
    model.queue(call_tools(("search_channel_messages", {"query": "heron"})), "It is grey.")
    async with open_channel_page(ada) as page:
        await post_message(ada, channel, f"<@M:{MODEL_ID}> which colour?")

        def is_done(event):
            return bool((event["data"]["data"]["meta"] or {}).get("done"))

        event = await page.wait_for("message:update", is_done)
    output = event["data"]["data"]["data"]["output"]
    assert [item["type"] for item in output] == ["function_call", "function_call_output", "message"]
    assert "The heron is grey" in str(output[1])
    assert event["data"]["data"]["content"] == "It is grey."
