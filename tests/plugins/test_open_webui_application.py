"""Plugins use the application of a request, operations of the server as functions, completions, and events."""

from __future__ import annotations

import time

import pytest

from conftest import Person
from page_client import open_page
from plugin_installation import install_function
from plugin_probe import run_in_plugin
from queued_model import MODEL_ID, QueuedModel


@pytest.fixture
def environment(model: QueuedModel) -> dict[str, str]:
    """Let every user choose the model."""
    return {**model.env, "BYPASS_MODEL_ACCESS_CONTROL": "true"}


async def test_the_application_knows_models_configuration_and_addresses(ada: Person, model: QueuedModel) -> None:
    code = """
        from open_webui.main import app
        app.state._state["shared"] = [1]
        app.state.mine = 2
        request.app.state.config.TASK_MODEL = "small"
        models = request.app.state.MODELS
        return [
            app is request.app, request.app.state._state["shared"], request.app.state.mine,
            [*models], isinstance(models, dict) and models.get("queued")["id"],
            models.get("none"), "queued" in models, len(models.values()),
            request.app.state.config.TASK_MODEL, hasattr(request.app.state.config, "NOTHING_AT_ALL"),
            request.app.url_path_for("get_file_content_by_id", id="f1"), request.app.state.WEBUI_NAME,
            request.headers.get("content-type"), str(request.base_url).startswith("http://127.0.0.1"),
            request.state.user.name, request.state.token.scheme, hasattr(request.app.state, "nothing"),
            [entry["id"] for entry in await get_all_models(request)],
            await request.app.state.oauth_client_manager.get_oauth_token("a", "b"),
        ]
        """
    imports = "from open_webui.utils.models import get_all_models"
    assert await run_in_plugin(ada, model, code, imports=imports) == [
        *[True, [1], 2, [MODEL_ID], MODEL_ID, None, True, 1, "small", False, "/api/v1/files/f1/content"],
        *["Open WebUI", "application/json", True, "Ada", "Bearer", False, [MODEL_ID], None],
    ]
    assert (await ada.get("/api/v1/tasks/config")).ok()["TASK_MODEL"] == "small"


async def test_uploads_and_pictures_become_files_of_the_user(ada: Person, bob: Person, model: QueuedModel) -> None:
    imports = """
        import io
        from starlette.datastructures import Headers, UploadFile
        from open_webui.routers.files import delete_file_by_id, get_file_by_id
        from open_webui.routers.files import get_file_content_by_id, upload_file_handler
        from open_webui.routers.images import load_b64_image_data, upload_image
        from open_webui.models.users import UserModel
        """
    code = """
        person = UserModel(**user)
        upload = UploadFile(io.BytesIO(b"a,b"), filename="t.csv", headers=Headers({"content-type": "text/csv"}))
        file = await upload_file_handler(request, file=upload, metadata={"from": "plugin"}, process=False, user=person)
        text = UploadFile(io.BytesIO(b"words"), filename="t.txt")
        other = upload_file_handler(request, text, {}, process=True, user=person)
        data, kind = load_b64_image_data("data:image/png;base64,iVBORw0KGgo=")
        record, picture = await upload_image(request, data, kind, {"chat_id": None}, person)
        content = await get_file_content_by_id(file.id, user=person)
        try:
            await get_file_by_id("none", user=person)
        except Exception as error:
            refusal = [type(error).__name__, error.status_code]
        shown = await get_file_by_id(id=file.id, user=person)
        await delete_file_by_id(request, record.id, user=person)
        return [
            file.filename, file.user_id == user["id"], file.meta["data"], other["filename"], other.id == other["id"],
            kind, picture["url"] == f"/api/v1/files/{picture['id']}/content", content.body.decode(), refusal,
            shown.id == file.id,
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=imports, person=bob)
    assert result == [
        *["t.csv", True, {"from": "plugin"}, "t.txt", True, "image/png", True, "a,b"],
        *[["HTTPException", 404], True],
    ]
    names = [file["filename"] for file in (await bob.get("/api/v1/files/")).ok()["items"]]
    assert sorted(names) == ["t.csv", "t.txt"]


async def test_memories_are_added_and_searched_as_the_user(ada: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui.models.users import UserModel
        from open_webui.routers.memories import (
            AddMemoryForm, QueryMemoryForm, add_memory, delete_memory_by_id, get_memories, query_memory,
        )
        from open_webui.models.memories import Memories
        from open_webui.retrieval.vector.async_client import ASYNC_VECTOR_DB_CLIENT
        """
    code = """
        person = UserModel(**user)
        memory = await add_memory(request, AddMemoryForm(content="Likes tea"), person)
        results = query_memory(request=request, form_data=QueryMemoryForm(content="tea", k=3), user=person)
        vector = await request.app.state.EMBEDDING_FUNCTION("tea")
        found = await ASYNC_VECTOR_DB_CLIENT.search(f"user-memory-{person.id}", [vector], limit=1)
        listed = Memories.get_memories_by_user_id(user["id"])
        await delete_memory_by_id(memory.id, request, person)
        return [
            memory.content, results.documents, len(vector) > 100, found.ids[0] == [memory.id],
            [entry.content for entry in listed], await get_memories(request, person),
        ]
        """
    result = await run_in_plugin(ada, model, code, imports=imports)
    assert result == ["Likes tea", [["Likes tea"]], True, True, ["Likes tea"], []]


async def test_a_plugin_asks_a_model_with_and_without_stream(ada: Person, model: QueuedModel) -> None:
    imports = """
        from open_webui.models.users import Users
        from open_webui.utils.chat import generate_chat_completion
        from open_webui.main import generate_chat_completions
        """
    code = """
        person = Users.get_user_by_id(user["id"])
        form = {"model": "queued", "messages": [{"role": "user", "content": "?"}], "stream": False}
        whole = await generate_chat_completion(request, form, person)
        old = await generate_chat_completions(form, user=person)
        streamed = await generate_chat_completion(request, {**form, "stream": True}, user=person)
        lines = [line async for line in streamed.body_iterator]
        return [
            whole["choices"][0]["message"]["content"], old["choices"][0]["message"]["content"],
            lines[-1].decode().strip() or lines[-2].decode().strip(),
        ]
        """
    model.queue("One", "Two", "Three")
    assert await run_in_plugin(ada, model, code, imports=imports) == ["One", "Two", "data: [DONE]"]


async def test_an_emitter_of_a_plugins_own_reaches_the_page(ada: Person, model: QueuedModel) -> None:
    code = """
from open_webui.socket.main import get_event_call, get_event_emitter


class Filter:
    async def inlet(self, body, __metadata__):
        emit = await get_event_emitter(__metadata__)
        await emit({"type": "status", "data": {"description": "Awaited", "done": True}})
        plain = get_event_emitter(__metadata__)
        await plain({"type": "status", "data": {"description": "Plain", "done": True}})
        call = await get_event_call(__metadata__)
        body["messages"][-1]["content"] += str(await call({"type": "input", "data": {}}))
        return body
"""
    await install_function(ada, "speaker", code, is_global=True)
    async with open_page(ada) as page:

        def answer(event):
            page.record_event(event)
            return "red" if event["data"]["type"] == "input" else None

        page.socket.on("events", answer)
        await ada.post("/api/chat/completions", page.build_body("Colour: ", models=[MODEL_ID]))
        await page.wait_until_idle()
        shown = [data["description"] for data in page.list_data("status")]
    assert shown == ["Awaited", "Plain"]
    assert model.requests[0]["messages"][-1]["content"] == "Colour: red"


async def test_a_manifold_reads_the_list_of_models_while_it_answers_for_models(ada: Person, model: QueuedModel) -> None:
    code = """
from open_webui.main import app


class Pipe:
    def pipes(self):
        return [{"id": "copy", "name": f"Copy of {len(app.state.MODELS)}"}]

    def pipe(self, body):
        return "x"
"""
    await install_function(ada, "copies", code)
    started = time.monotonic()
    listed = (await ada.get("/api/models")).ok()["data"]
    assert time.monotonic() - started < 3.5  # the server waits four seconds for functions that do not answer
    assert "copies.copy" in [entry["id"] for entry in listed]
