"""Built-in tools: offered on pages to models that call functions natively, and what each of them does."""

from __future__ import annotations

import json

from builtin_calls import call_builtin
from conftest import Person
from page_client import open_page
from plugin_installation import ask
from queued_model import MODEL_ID, QueuedModel, call_tools

CHAT = "/api/chat/completions"


async def test_tools_are_offered_on_pages_in_one_order_and_never_over_the_api(ada: Person, model: QueuedModel) -> None:
    await ask(ada)
    assert model.tool_names == []
    names = []
    for _ in range(2):
        async with open_page(ada) as page:
            (await ada.post(CHAT, page.build_body("Hello", models=[MODEL_ID]))).ok()
            await page.wait_until_idle()
        names.append(model.tool_names)
    assert names[0] == names[1]
    assert names[0][:2] == ["get_current_timestamp", "calculate_timestamp"]
    assert {"create_tasks", "update_task"} < set(names[0])
    assert "search_memories" not in names[0]  # the page has not switched them on


async def test_models_and_requests_switch_tools_off(ada: Person, model: QueuedModel) -> None:
    meta = {"builtinTools": {"time": False}}
    entry = {"id": MODEL_ID, "name": "Queued", "params": {}, "meta": meta, "access_grants": []}
    (await ada.post("/api/v1/models/create", entry)).ok()
    async with open_page(ada) as page:
        (await ada.post(CHAT, page.build_body("Hello", models=[MODEL_ID]))).ok()
        await page.wait_until_idle()
        assert "get_current_timestamp" not in model.tool_names and "create_tasks" in model.tool_names
        page.events.clear()
        body = page.build_body("Hello", models=[MODEL_ID], params={"function_calling": "legacy"})
        (await ada.post(CHAT, body)).ok()
        await page.wait_until_idle()
        assert model.tool_names == []
        page.events.clear()
        entry["meta"] = {"capabilities": {"builtin_tools": False}}
        (await ada.post("/api/v1/models/model/update", entry)).ok()
        (await ada.post(CHAT, page.build_body("Hello", models=[MODEL_ID]))).ok()
        await page.wait_until_idle()
        assert model.tool_names == []


async def test_the_clock_tells_the_time_of_the_user(ada: Person, model: QueuedModel) -> None:
    (await ada.post("/api/v1/auths/update/timezone", {"timezone": "Asia/Tokyo"})).ok()
    now, earlier = await call_builtin(
        ada, model, ("get_current_timestamp", {}), ("calculate_timestamp", {"weeks_ago": "1", "months_ago": 0})
    )
    assert now["user_timezone"] == "Asia/Tokyo" and now["user_local_iso"].endswith("+09:00")
    assert earlier["current_timestamp"] - earlier["calculated_timestamp"] == 7 * 86400


async def test_memories_are_written_found_and_deleted(ada: Person, model: QueuedModel) -> None:
    features = {"features": {"memory": True}}
    (added,) = await call_builtin(ada, model, ("add_memory", {"content": "Likes tea", "path": "taste"}), **features)
    assert added["status"] == "success" and added["type"] == "user"
    found, paths = await call_builtin(
        ada, model, ("search_memories", {"query": "tea"}), ("list_memory_paths", {}), **features
    )
    assert [memory["content"] for memory in found] == ["Likes tea"]
    assert "taste" in json.dumps(paths)
    replaced, wrong = await call_builtin(
        ada,
        model,
        ("replace_memory_content", {"memory_id": added["id"], "content": "Likes coffee"}),
        ("update_memory", {"operations": [{"action": "jump"}]}),
        **features,
    )
    assert replaced["content"] == "Likes coffee" and "error" in wrong
    deleted, again = await call_builtin(
        ada,
        model,
        ("delete_memory", {"memory_id": added["id"]}),
        ("delete_memory", {"memory_id": added["id"]}),
        **features,
    )
    assert deleted["status"] == "success" and again == {"error": "Memory not found or access denied"}


async def test_a_checklist_is_stored_with_the_chat_and_shown(ada: Person, model: QueuedModel) -> None:
    model.queue(
        call_tools(("create_tasks", {"tasks": [{"content": "Read"}, {"content": "Write", "status": "odd"}]})),
        call_tools(("update_task", {"id": "1"})),
        call_tools(("update_task", {"id": "9"})),
        "Done.",
    )
    async with open_page(ada) as page:
        started = (await ada.post(CHAT, page.build_body("Go on", models=[MODEL_ID]))).ok()
        await page.wait_until_idle()
        shown = page.list_data("chat:message:tasks")[-1]["tasks"]
    expected = [
        {"id": "1", "content": "Read", "status": "completed"},
        {"id": "2", "content": "Write", "status": "pending"},
    ]
    assert shown == expected
    assert (await ada.get(f"/api/v1/chats/{started['chat_id']}")).ok()["tasks"] == expected
    assert json.loads(model.requests[-1]["messages"][-1]["content"]) == {"error": 'Task with id "9" not found'}


async def test_a_voice_call_asks_for_answers_that_can_be_spoken(ada: Person, model: QueuedModel) -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    body = {"model": MODEL_ID, "messages": messages, "features": {"voice": True}}
    (await ada.post(CHAT, body)).ok()
    system = model.requests[-1]["messages"][0]["content"]
    assert "spoken aloud" in system and system.endswith("\nBe kind.")
    config = (await ada.get("/api/v1/tasks/config")).ok()
    (await ada.post("/api/v1/tasks/config/update", {**config, "VOICE_MODE_PROMPT_TEMPLATE": "Speak!"})).ok()
    (await ada.post(CHAT, body)).ok()
    assert model.requests[-1]["messages"][0]["content"] == "Speak!\nBe kind."
