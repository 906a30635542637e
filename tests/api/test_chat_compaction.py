"""Compacting chats: a model's summary stands for what was said, and how much of its context a chat fills."""

from __future__ import annotations

from typing import Any

import aiohttp

from conftest import Person
from page_client import open_page
from sample_chats import build_chat, create_chat


async def switched_on(admin: Person, **more: Any) -> None:
    config = (await admin.get("/api/v1/chats/config")).ok()
    (await admin.post("/api/v1/chats/config", {**config, "ENABLE_CONTEXT_COMPACTION": True, **more})).ok()


async def test_nothing_is_compacted_unless_it_is_switched_on(ada: Person) -> None:
    chat = await create_chat(ada)
    answer = (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    assert answer == {"ok": True, "compacted": False, "reason": "disabled", "context_usage": None}
    assert (await ada.get(f"/api/v1/chats/{chat}")).ok()["context_usage"] is None


async def test_a_summary_stands_for_all_but_the_last_message(ada: Person) -> None:
    await switched_on(ada)
    chat = await create_chat(ada)
    answer = (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    assert answer["compacted"] is True and answer["dropped_messages"] == 5 and answer["kept_messages"] == 1
    opened = (await ada.get(f"/api/v1/chats/{chat}")).ok()
    summary = opened["chat"]["history"]["messages"]["a3"]["contextSummary"]
    assert len(summary) == answer["summary_chars"] > 0
    assert opened["context_usage"] == answer["context_usage"]
    again = (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    assert again["compacted"] is False and again["reason"] == "too_short"


async def test_usage_is_what_the_provider_counted_and_what_came_since(ada: Person) -> None:
    await switched_on(ada, CONTEXT_COMPACTION_TOKEN_THRESHOLD=1000, CONTEXT_COMPACTION_TOKEN_CAP=500)
    document = build_chat(2, params={"compact_token_threshold": 200})
    document["history"]["messages"]["a1"]["usage"] = {"prompt_tokens": 60, "completion_tokens": 20}
    chat = await create_chat(ada, document)
    usage = (await ada.get(f"/api/v1/chats/{chat}")).ok()["context_usage"]
    # Two messages since, of six and eleven characters.
    assert usage == {"tokens": 91, "estimated_tokens": 91, "threshold": 200, "percent": 46, "source": "estimated"}


async def test_what_cannot_be_compacted_says_why(ada: Person, bob: Person) -> None:
    await switched_on(ada)
    empty = (await ada.post("/api/v1/chats/new", {"chat": {"title": "Empty"}})).ok()["id"]
    (await ada.post(f"/api/v1/chats/{empty}/compact", {})).refused(400, "No model found for context compaction.")
    answer = (await ada.post(f"/api/v1/chats/{empty}/compact", {"model": "demo-small"})).ok()
    assert answer["reason"] == "empty"
    chat = await create_chat(ada)
    for model, status in (("none", 400), ("", 200)):
        assert (await ada.post(f"/api/v1/chats/{chat}/compact", {"model": model})).status == status
    # Bob may not use the model.
    (await bob.post(f"/api/v1/chats/{await create_chat(bob)}/compact", {})).refused(403)
    (await bob.post(f"/api/v1/chats/{chat}/compact", {})).refused(401)


async def asked(upstream: str) -> list[dict[str, Any]]:
    """The messages that the model server was sent last."""
    async with aiohttp.ClientSession() as session, session.get(f"{upstream}/_requests") as reply:
        found: list[dict[str, Any]] = (await reply.json())[-1]["body"]["messages"]
        return found


async def test_a_model_is_told_the_summary_and_what_came_since(ada: Person, upstream: str) -> None:
    await switched_on(ada)
    chat = await create_chat(ada)
    (await ada.post(f"/api/v1/chats/{chat}/compact", {})).ok()
    summary = (await ada.get(f"/api/v1/chats/{chat}")).ok()["chat"]["history"]["messages"]["a3"]["contextSummary"]
    system = {"role": "system", "content": "Be brief."}
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", chat_id=chat, parent_id="a3", messages=[system])
        assert page.list_data("context_compaction") == []
    first, *rest = await asked(upstream)
    assert first == {"role": "system", "content": f"Be brief.\n[CONVERSATION SUMMARY]\n{summary}"}
    assert [one["content"] for one in rest] == ["assistant 3", "And? [[tokens 1]]"]


async def test_a_chat_that_is_too_long_is_compacted_before_its_next_answer(ada: Person, upstream: str) -> None:
    await switched_on(ada, CONTEXT_COMPACTION_TOKEN_THRESHOLD=20)
    chat = await create_chat(ada, build_chat(4))
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", chat_id=chat, parent_id="a4")
        begun, ended = page.list_data("context_compaction")
        assert begun == {"action": "context_compaction", "description": "Compacting context", "done": False}
        assert ended["description"] == "Context compacted" and ended["done"] is True
        assert ended["checkpoint_message_id"] == "u4"
        messages = (await page.get_chat(chat))["chat"]["history"]["messages"]
    assert messages["u4"]["contextSummary"] == ended["context_summary"]
    first, *rest = await asked(upstream)
    assert first == {"role": "system", "content": f"[CONVERSATION SUMMARY]\n{ended['context_summary']}"}
    assert [one["content"] for one in rest] == ["user 4", "assistant 4", "And? [[tokens 1]]"]


async def test_a_chat_that_nobody_can_sum_up_stays_whole(ada: Person, upstream: str) -> None:
    template = "Sum up: demo-error-500"
    await switched_on(ada, CONTEXT_COMPACTION_TOKEN_THRESHOLD=20, CONTEXT_COMPACTION_PROMPT_TEMPLATE=template)
    chat = await create_chat(ada, build_chat(4))
    async with open_page(ada) as page:
        await page.ask("And? [[tokens 1]]", chat_id=chat, parent_id="a4")
        assert page.list_data("context_compaction")[-1]["error"] is True
        assert page.list_data("chat:message:error") == []
    assert len(await asked(upstream)) == 9
