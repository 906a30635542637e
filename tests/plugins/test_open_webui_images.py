"""Plugins generate and edit images by the functions of Open WebUI."""

from __future__ import annotations

import pytest

from conftest import Person
from image_engines import OpenAIEngine, run_engine
from image_settings import connect_engine
from plugin_probe import run_in_plugin
from queued_model import QueuedModel

IMPORTS = """
    from open_webui.models.users import UserModel
    from open_webui.routers.images import CreateImageForm, EditImageForm, image_edits, image_generations
    """
CODE = """
    person = UserModel(**user)
    link = {"chat_id": chat_id, "message_id": "a1"}
    images = await image_generations(request, CreateImageForm(prompt="A red fox", n=2), link, user=person)
    edited = await image_edits(request, EditImageForm(prompt="Bluer", image=images[0]["url"]), user=person)
    return [[sorted(image) for image in images], len(edited), images[0]["url"]]
    """


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    return {**model.env, "BYPASS_MODEL_ACCESS_CONTROL": "true"}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_images_are_made_and_linked_to_the_chat_that_a_plugin_names(
    ada: Person, bob: Person, cy: Person, model: QueuedModel
) -> None:
    chat = {"title": "Foxes", "history": {"messages": {"a1": {"id": "a1", "role": "assistant"}}, "currentId": "a1"}}
    chat_id = (await bob.post("/api/v1/chats/new", {"chat": chat})).ok()["id"]
    engine = OpenAIEngine()
    async with run_engine(engine):
        await connect_engine(ada, engine, IMAGE_EDIT_MODEL="dall-e-2")
        code = f"    chat_id = {chat_id!r}\n{CODE}"
        fields, edits, url = await run_in_plugin(ada, model, code, imports=IMPORTS, person=bob)
        assert fields == [["content_type", "id", "name", "url"]] * 2 and edits == 1
        assert engine.list_paths() == ["POST /v1/images/generations", "POST /v1/images/edits"]
    (await cy.get(url)).refused(404)
    (await bob.post(f"/api/v1/chats/{chat_id}/share")).ok()
    grants = [{"principal_type": "user", "principal_id": cy.id, "permission": "read"}]
    (await bob.post(f"/api/v1/chats/shared/{chat_id}/access/update", {"access_grants": grants})).ok()
    assert (await cy.get(url)).body == engine.png


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_images_that_the_page_must_not_make_are_made_for_plugins(
    ada: Person, bob: Person, model: QueuedModel
) -> None:
    engine = OpenAIEngine()
    async with run_engine(engine):
        await connect_engine(ada, engine, ENABLE_IMAGE_GENERATION=False, ENABLE_IMAGE_EDIT=False)
        (await bob.post("/api/v1/images/generations", {"prompt": "A red fox"})).refused(403)
        code = """
            person = UserModel(**user)
            images = await image_generations(request, CreateImageForm(prompt="A red fox"), user=person)
            edited = await image_edits(request, EditImageForm(prompt="Bluer", image=images[0]["url"]), user=person)
            try:
                await generate_images(request, CreateImageForm(prompt="A red fox"), user=person)
            except Exception as error:
                refusal = error.status_code
            return [len(images), len(edited), refusal]
            """
        imports = f"{IMPORTS}\n    from open_webui.routers.images import generate_images"
        assert await run_in_plugin(ada, model, code, imports=imports, person=bob) == [1, 1, 403]
