"""Compaction of chats: a model's summary replaces earlier messages; how much of its context a chat fills."""

from __future__ import annotations

from typing import Any

import aiohttp

from conftest import Person
from page_client import open_page
from sample_chats import build_chat, create_chat


async def enable_compaction(admin: Person, **more: Any) -> None:
    config = (await admin.get("/api/v1/chats/config")).ok()
    (await admin.post("/api/v1/chats/config", {**config, "ENABLE_CONTEXT_COMPACTION": True, **more})).ok()


async def test_nothing_is_compacted_unless_enabled(ada: Person) -> None:
    chat = await create_chat(ada)
    result = (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    assert result == {"ok": True, "compacted": False, "reason": "disabled", "context_usage": None}
    assert (await ada.get(f"/api/v1/chats/{chat}")).ok()["context_usage"] is None


async def test_a_summary_replaces_all_but_the_last_message(ada: Person) -> None:
    await enable_compaction(ada)
    chat = await create_chat(ada)
    result = (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    assert result["compacted"] is True and result["dropped_messages"] == 5 and result["kept_messages"] == 1
    opened = (await ada.get(f"/api/v1/chats/{chat}")).ok()
    summary = opened["chat"]["history"]["messages"]["a3"]["contextSummary"]
    assert len(summary) == result["summary_chars"] > 0
    assert opened["context_usage"] == result["context_usage"]
    second = (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    assert second["compacted"] is False and second["reason"] == "too_short"


async def test_usage_adds_later_messages_to_the_count_of_the_provider(ada: Person) -> None:
    await enable_compaction(ada, CONTEXT_COMPACTION_TOKEN_THRESHOLD=1000, CONTEXT_COMPACTION_TOKEN_CAP=500)
    document = build_chat(2, params={"compact_token_threshold": 200})
    document["history"]["messages"]["a1"]["usage"] = {"prompt_tokens": 60, "completion_tokens": 20}
    chat = await create_chat(ada, document)
    usage = (await ada.get(f"/api/v1/chats/{chat}")).ok()["context_usage"]
    # Two later messages, of six and eleven characters.
    assert usage == {"tokens": 91, "estimated_tokens": 91, "threshold": 200, "percent": 46, "source": "estimated"}


async def test_a_chat_that_cannot_be_compacted_says_why(ada: Person, bob: Person) -> None:
    await enable_compaction(ada)
    empty = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Empty"}})).ok()["id"]
    (await ada.post(f"/api/v1/chats/{empty}/compact", {})).refused(400, "No model found for context compaction.")
    result = (await ada.post(f"/api/v1/chats/{empty}/compact", {"model": "demo-small"})).ok()
    assert result["reason"] == "empty"
    chat = await create_chat(ada)
    for model, status in (("none", 400), ("", 200)):
        assert (await ada.post(f"/api/v1/chats/{chat}/compact", {"model": model})).status == status
    # Bob may not use the model.
    (await bob.post(f"/api/v1/chats/{await create_chat(bob)}/compact", {})).refused(403)
    (await bob.post(f"/api/v1/chats/{chat}/compact", {})).refused(401)


async def list_sent_messages(upstream: str) -> list[dict[str, Any]]:
    """Return the messages of the last request to the model server."""
    async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as reply:
        messages: list[dict[str, Any]] = (await reply.json())[-1]["body"]["messages"]
        return messages


async def test_a_model_gets_the_summary_and_later_messages(ada: Person, upstream: str) -> None:
    await enable_compaction(ada)
    chat = await create_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    summary = (await ada.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]["a3"]["contextSummary"]
    system = {"role": "system", "content": "Be brief."}
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", chat_id=chat, parent_id="a3", messages=[system])
        assert page.list_data("context_compaction") == []
    first, *rest = await list_sent_messages(upstream)
    assert first == {"role": "system", "content": f"Be brief.\n[CONVERSATION SUMMARY]\n{summary}"}
    assert [message["content"] for message in rest] == ["assistant 3", "And? [[tokens 1]]"]


async def test_a_chat_that_is_too_long_is_compacted_before_its_next_answer(ada: Person, upstream: str) -> None:
    await enable_compaction(ada, CONTEXT_COMPACTION_TOKEN_THRESHOLD=20)
    chat = await create_chat(ada, build_chat(4))
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", chat_id=chat, parent_id="a4")
        begun, ended = page.list_data("context_compaction")
        assert begun == {"action": "context_compaction", "description": "Compacting context", "done": False}
        assert ended["description"] == "Context compacted" and ended["done"] is True
        assert ended["checkpoint_message_id"] == "u4"
        messages = (await page.get_chat(chat))["chat"]["history"]["messages"]
    assert messages["u4"]["contextSummary"] == ended["context_summary"]
    first, *rest = await list_sent_messages(upstream)
    assert first == {"role": "system", "content": f"[CONVERSATION SUMMARY]\n{ended['context_summary']}"}
    assert [message["content"] for message in rest] == ["user 4", "assistant 4", "And? [[tokens 1]]"]


async def test_a_chat_stays_complete_when_its_summary_fails(ada: Person, upstream: str) -> None:
    template = "Sum up: demo-error-500"
    await enable_compaction(ada, CONTEXT_COMPACTION_TOKEN_THRESHOLD=20, CONTEXT_COMPACTION_PROMPT_TEMPLATE=template)
    chat = await create_chat(ada, build_chat(4))
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", chat_id=chat, parent_id="a4")
        assert page.list_data("context_compaction")[-1]["error"] is True
        assert page.list_data("chat:message:error") == []
    assert len(await list_sent_messages(upstream)) == 9
