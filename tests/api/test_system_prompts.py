"""System prompts on their way to the model server: those of clients, folders, models and chats."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from conftest import Person
from model_recorder import OLLAMA, OPENAI, RESPONSES, ModelRecorder, create_model, record_models
from page_client import open_page

CHAT = "/api/chat/completions"
QUESTION = {"role": "user", "content": "Hi"}


@pytest.fixture
async def recorder(ada: Person) -> AsyncIterator[ModelRecorder]:
    async with record_models(ada) as running:
        yield running


def build_prompt(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


SEVERAL = [build_prompt("Be kind."), QUESTION, build_prompt(""), build_prompt("Be brief, {{USER_NAME}}."), QUESTION]


async def test_several_prompts_are_joined(ada: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "pirate", OPENAI, system="Say arr to {{USER_NAME}}.")
    for path in (CHAT, "/api/v1/chat/completions"):
        (await ada.post(path, {"model": OPENAI, "messages": SEVERAL})).ok()
        joined = "Be kind.\nBe brief, {{USER_NAME}}."
        assert recorder.messages == [build_prompt(joined), QUESTION, QUESTION]
        (await ada.post(path, {"model": "pirate", "messages": SEVERAL})).ok()
        assert recorder.messages == [build_prompt(f"Say arr to Ada.\n{joined}"), QUESTION, QUESTION]
    (await ada.post(CHAT, {"model": OPENAI, "messages": [QUESTION, build_prompt("For {{USER_NAME}}.")]})).ok()
    assert recorder.messages == [build_prompt("For Ada."), QUESTION]
    (await ada.post(CHAT, {"model": OPENAI, "messages": [build_prompt(""), QUESTION]})).ok()
    assert recorder.messages == [QUESTION]


async def test_parts_of_prompts_are_joined(ada: Person, recorder: ModelRecorder) -> None:
    parts = [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}]
    (await ada.post(CHAT, {"model": OPENAI, "messages": [build_prompt(parts), build_prompt("Be."), QUESTION]})).ok()
    assert recorder.messages == [build_prompt("Be kind.\nBe brief.\nBe."), QUESTION]
    body = {"model": OPENAI, "max_tokens": 9, "system": parts, "messages": [QUESTION]}
    (await ada.post("/api/v1/messages", body)).ok()
    assert recorder.messages == [build_prompt("Be kind.\nBe brief."), QUESTION]


async def test_other_servers_get_all_prompts(ada: Person, recorder: ModelRecorder) -> None:
    joined = "Be kind.\nBe brief, {{USER_NAME}}."
    (await ada.post(CHAT, {"model": OLLAMA, "messages": SEVERAL})).ok()
    assert recorder.messages == [build_prompt(joined), QUESTION, QUESTION]
    for path in (CHAT, "/openai/chat/completions"):
        (await ada.post(path, {"model": RESPONSES, "messages": SEVERAL})).ok()
        assert recorder.body["instructions"] == joined
        assert [item["role"] for item in recorder.body["input"]] == ["user", "user"]


async def test_prompts_are_forwarded_as_they_are(ada: Person, recorder: ModelRecorder) -> None:
    """Check that `/openai` and `/ollama/v1` change nothing but for the model's own prompt, which goes first."""
    parts = [
        {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Be brief."},
    ]
    messages = [build_prompt(parts), QUESTION, build_prompt("For {{USER_NAME}}."), {"role": "user", "content": []}]
    for path, base_id in (("/openai/chat/completions", OPENAI), ("/ollama/v1/chat/completions", OLLAMA)):
        (await ada.post(path, {"model": base_id, "messages": messages})).ok()
        assert recorder.messages == messages
        await create_model(ada, f"pirate-{base_id}", base_id, system="Say arr to {{USER_NAME}}.")
        (await ada.post(path, {"model": f"pirate-{base_id}", "messages": messages})).ok()
        first = {**parts[0], "text": "Say arr to Ada.\nBe kind."}
        assert recorder.messages == [build_prompt([first, parts[1]]), *messages[1:]]
        (await ada.post(path, {"model": f"pirate-{base_id}", "messages": [QUESTION, build_prompt("Be.")]})).ok()
        assert recorder.messages == [build_prompt("Say arr to Ada."), QUESTION, build_prompt("Be.")]


async def test_the_fields_of_a_request_are_forwarded(ada: Person, recorder: ModelRecorder) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"{recorder.url}/picture.png"}}
    body = {
        "model": OPENAI,
        "messages": [{"role": "user", "content": [{"type": "text", "text": ""}, picture], "id": "m1", "files": []}],
        "user": "u1",
        "files": [{"id": "f"}],
        "features": {"memory": True, "web_search": True},
        "variables": {"a": 1},
        "params": {"temperature": 0.5, "system": "Be kind."},
        "temperature": "",
        "stop": [],
    }
    (await ada.post("/openai/chat/completions", {**body, "metadata": {"a": "b"}})).ok()
    assert recorder.body == body


async def test_a_request_cannot_replace_the_prompt_of_a_model(
    ada: Person, bob: Person, recorder: ModelRecorder
) -> None:
    for base_id in (OPENAI, OLLAMA):
        await create_model(ada, f"pirate-{base_id}", base_id, system="Say arr.")
        for extra in ({"params": {"system": "Be kind."}}, {"params": {"custom_params": {"system": "Be kind."}}}, {}):
            (await bob.post(CHAT, {"model": f"pirate-{base_id}", "messages": [QUESTION], **extra})).ok()
            assert recorder.messages == [build_prompt("Say arr."), QUESTION]
        messages = [build_prompt("Be kind."), QUESTION]
        (await bob.post(CHAT, {"model": f"pirate-{base_id}", "messages": messages})).ok()
        assert recorder.messages == [build_prompt("Say arr.\nBe kind."), QUESTION]
    (await bob.post(CHAT, {"model": OPENAI, "messages": [QUESTION], "params": {"system": "Be kind."}})).ok()
    assert recorder.messages == [QUESTION]


async def ask(person: Person, recorder: ModelRecorder, model_id: str, **more: Any) -> list[dict[str, Any]]:
    """Ask as the page does, which sends the chat's system prompt twice; return what the server received."""
    params = {"system": "Be kind.", "model_controls": {}}
    async with open_page(person) as page:
        await page.ask("Hi", models=[model_id], messages=[build_prompt("Be kind."), QUESTION], params=params, **more)
    return recorder.messages


async def test_the_prompt_of_a_chat_needs_permission(ada: Person, bob: Person, recorder: ModelRecorder) -> None:
    await create_model(ada, "pirate", OPENAI, system="Say arr.")
    model_only, both = [build_prompt("Say arr."), QUESTION], [build_prompt("Say arr.\nBe kind."), QUESTION]
    assert await ask(bob, recorder, "pirate") == both
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    for name in ("controls", "system_prompt"):
        changed = {**permissions, "chat": {**permissions["chat"], name: False}}
        (await ada.post("/api/v1/users/default/permissions", changed)).ok()
        assert await ask(bob, recorder, "pirate") == model_only
        assert await ask(bob, recorder, "pirate", chat_id="local:1", parent_id=None) == model_only
        assert await ask(ada, recorder, "pirate") == both
    # The prompt that the administrator has set for all chats needs none.
    config = (await ada.get("/api/v1/auths/admin/config")).ok()
    config["DEFAULT_INTERFACE_SETTINGS"] = {"system": "Be kind."}
    (await ada.post("/api/v1/auths/admin/config", config)).ok()
    assert await ask(bob, recorder, "pirate") == both
