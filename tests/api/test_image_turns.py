"""Images in chats: made for a question before the model is asked, or by tools that it calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from builtin_calls import CHAT, call_builtin, list_offered, set_model
from conftest import Person
from image_engines import Automatic1111Engine, OpenAIEngine, answer_with, run_engine
from image_settings import connect_engine, set_images
from page_client import Page, open_page
from queued_model import MODEL_ID, QueuedModel, call_tools, run_queued_model
from waiting import wait_until

SWITCH = {"features": {"image_generation": True}}
LEGACY = {**SWITCH, "params": {"function_calling": "legacy"}, "models": [MODEL_ID]}


@pytest.fixture
async def model() -> AsyncIterator[QueuedModel]:
    async with run_queued_model() as running:
        yield running


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return model.env


@pytest.fixture
async def openai(ada: Person) -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine()
    async with run_engine(engine):
        await connect_engine(ada, engine, ENABLE_IMAGE_PROMPT_GENERATION=False)
        yield engine


async def get_message(page: Page, turn: dict[str, Any]) -> Any:
    return (await page.get_chat(turn["chat_id"]))["chat"]["history"]["messages"][turn["answer"]]


async def test_the_switch_of_the_page_makes_an_image_and_the_next_question_edits_it(
    ada: Person, bob: Person, model: QueuedModel, openai: OpenAIEngine
) -> None:
    await set_model(ada)
    model.queue("There it is.", "Now it is blue.")
    async with open_page(bob) as page:
        turn = await page.ask("Draw a fox", **LEGACY)
        statuses = [{"description": "Creating image", "done": False}, {"description": "Image created", "done": True}]
        assert page.list_data("status") == statuses
        (shown,) = page.list_data("files")
        (image,) = shown["files"]
        assert image == {
            "type": "image",
            "id": image["id"],
            "url": f"/api/v1/files/{image['id']}/content",
            "name": "generated-image.png",
            "content_type": "image/png",
        }
        assert openai.body["prompt"] == "Draw a fox"
        system, question = model.requests[-1]["messages"]
        assert system["role"] == "system" and "shows it above your answer" in system["content"]
        assert question["content"] == "Draw a fox"
        answer = await get_message(page, turn)
        assert (answer["content"], answer["files"], answer["statusHistory"]) == ("There it is.", [image], statuses)
        details = (await bob.get(f"/api/v1/files/{image['id']}")).ok()["meta"]["data"]
        assert (details["chat_id"], details["message_id"]) == (turn["chat_id"], turn["answer"])

        page.events.clear()
        openai.png += b"\0"
        edited = await page.ask("Make it blue", **LEGACY, chat_id=turn["chat_id"], parent_id=turn["answer"])
        assert openai.list_paths()[-1] == "POST /v1/images/edits"
        fields = dict(openai.body)
        assert fields["prompt"] == "Make it blue" and fields["image[]"][1] + b"\0" == openai.png
        assert len((await get_message(page, edited))["files"]) == 1
        assert "has edited the images" in model.requests[-1]["messages"][0]["content"]


async def test_another_reader_of_the_chat_sees_the_image(
    ada: Person, bob: Person, cy: Person, model: QueuedModel, openai: OpenAIEngine
) -> None:
    await set_model(ada)
    async with open_page(bob) as page:
        turn = await page.ask("Draw a fox", **LEGACY)
        url = (await get_message(page, turn))["files"][0]["url"]
    (await cy.get(url)).refused(404)
    (await bob.post(f"/api/v1/chats/{turn['chat_id']}/share")).ok()
    grants = [{"principal_type": "user", "principal_id": cy.id, "permission": "read"}]
    (await bob.post(f"/api/v1/chats/shared/{turn['chat_id']}/access/update", {"access_grants": grants})).ok()
    assert (await cy.get(url)).body == openai.png


async def test_a_model_writes_the_prompt_where_the_settings_want_it(
    ada: Person, model: QueuedModel, openai: OpenAIEngine
) -> None:
    await set_images(ada, ENABLE_IMAGE_PROMPT_GENERATION=True)
    async with open_page(ada) as page:
        model.queue('Sure: {"prompt": "A red fox in snow, oil"}', "There it is.")
        await page.ask("Draw a fox", **LEGACY)
        assert openai.body["prompt"] == "A red fox in snow, oil"
        page.events.clear()
        model.queue("I would rather not.", "There it is.")
        await page.ask("Draw a cat", **LEGACY)
        assert openai.body["prompt"] == "Draw a cat"


async def test_a_failure_is_shown_and_the_model_tells_the_user(
    ada: Person, model: QueuedModel, openai: OpenAIEngine
) -> None:
    openai.replacement = answer_with({"error": {}}, status=429)
    async with open_page(ada) as page:
        turn = await page.ask("Draw a fox", **LEGACY)
        failed = {"description": "An error occurred while generating an image", "done": True}
        assert page.list_data("status")[-1] == failed and page.list_data("files") == []
        assert "[ERROR: Too Many Requests]" in model.requests[-1]["messages"][0]["content"]
        assert (await get_message(page, turn))["content"] == "OK"


async def test_stopping_an_answer_stops_the_engine(ada: Person, model: QueuedModel) -> None:
    engine = Automatic1111Engine()
    async with run_engine(engine), open_page(ada) as page:
        await connect_engine(ada, engine, ENABLE_IMAGE_PROMPT_GENERATION=False)
        engine.may_work.clear()
        body = page.build_body("Draw a fox", **LEGACY)
        turn = (await ada.post(CHAT, body)).ok()
        await asyncio.wait_for(engine.has_begun.wait(), 10)
        (await ada.post(f"/api/tasks/stop/{turn['task_ids'][0]}")).ok()
        await wait_until(lambda: engine.interruptions == 1)
        await page.wait_until_idle()
        assert model.requests == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_users_without_the_permission_are_told_that_nothing_is_made(
    ada: Person, bob: Person, model: QueuedModel, openai: OpenAIEngine
) -> None:
    await set_model(ada)
    permissions = (await ada.get("/api/v1/users/default/permissions")).ok()
    permissions["features"]["image_generation"] = False
    (await ada.post("/api/v1/users/default/permissions", permissions)).ok()
    async with open_page(bob) as page:
        for more in (LEGACY, {**LEGACY, "params": {}}):
            page.events.clear()
            await page.ask("Draw a fox", **more)
            note = {"action": "note", "description": "Image generation is not available here", "done": True}
            assert page.list_data("status") == [note] and openai.requests == []
    question = {"model": MODEL_ID, "messages": [{"role": "user", "content": "Draw"}], **SWITCH}
    reply = await ada.post(CHAT, question)
    assert reply.headers["x-fastback-note"] == "Image generation is not available here" and openai.requests == []


async def test_tools_generate_and_edit_images(ada: Person, model: QueuedModel, openai: OpenAIEngine) -> None:
    form = {"prompt": "A red fox", "size": "1024x1024"}
    (result,) = await call_builtin(ada, model, ("generate_image", form), **SWITCH)
    (image,) = result["images"]
    assert result["status"] == "success" and "already shows" in result["message"]
    assert (openai.body["prompt"], openai.body["size"]) == ("A red fox", "1024x1024")
    edit = {"prompt": "Bluer", "image_urls": [image["url"]]}
    (result, refused) = await call_builtin(
        ada, model, ("edit_image", edit), ("edit_image", {"prompt": "Bluer", "image_urls": ["gone"]}), **SWITCH
    )
    assert len(result["images"]) == 1 and dict(openai.body)["image[]"][1] == openai.png
    assert refused == {"error": "We could not find what you're looking for :/"}


async def test_images_of_tools_gather_in_the_answer(ada: Person, model: QueuedModel, openai: OpenAIEngine) -> None:
    model.queue(
        call_tools(("generate_image", {"prompt": "A fox"})),
        call_tools(("generate_image", {"prompt": "A cat"})),
        "Done.",
    )
    async with open_page(ada) as page:
        turn = await page.ask("Draw both", models=[MODEL_ID], **SWITCH)
        first, second = page.list_data("chat:message:files")
        assert (len(first["files"]), len(second["files"])) == (1, 2) and second["files"][0] == first["files"][0]
        answer = await get_message(page, turn)
        assert answer["files"] == second["files"]
        output = [item for item in answer["output"] if item["type"] == "function_call_output"]
        assert json.loads(output[0]["output"][0]["text"])["images"][0]["id"] == first["files"][0]["id"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_tools_are_offered_where_settings_model_and_user_allow_them(
    ada: Person, bob: Person, model: QueuedModel, openai: OpenAIEngine
) -> None:
    async def list_image_tools(person: Person, **more: Any) -> list[str]:
        return [name for name in await list_offered(person, model, **more) if name.endswith("_image")]

    await set_model(ada)
    assert await list_image_tools(bob, **SWITCH) == ["generate_image", "edit_image"]
    assert await list_image_tools(bob) == []
    await set_images(ada, ENABLE_IMAGE_EDIT=False)
    assert await list_image_tools(bob, **SWITCH) == ["generate_image"]
    await set_images(ada, ENABLE_IMAGE_EDIT=True, ENABLE_IMAGE_GENERATION=False)
    assert await list_image_tools(bob, **SWITCH) == ["edit_image"]
    for meta in ({"capabilities": {"image_generation": False}}, {"builtinTools": {"image_generation": False}}):
        await set_model(ada, meta)
        assert await list_image_tools(bob, **SWITCH) == []
