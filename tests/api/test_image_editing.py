"""Images are edited by each engine: those of files, of the web, and of the request itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from comfyui_engine import ComfyEngine
from conftest import Person, Server
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.kit.bus import Bus
from image_engines import GeminiEngine, OpenAIEngine, answer_with, encode, make_png, run_engine
from image_settings import IMAGES, connect_engine, set_images

EDIT = f"{IMAGES}/edit"
SOURCE = make_png(90)
DATA_URL = f"data:image/png;base64,{encode(SOURCE)}"
NOT_FOUND = "We could not find what you're looking for :/"


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIEngine]:
    engine = OpenAIEngine()
    async with run_engine(engine):
        yield engine


async def upload(person: Person, content: bytes = SOURCE, name: str = "fox.png", kind: str = "image/png") -> str:
    """Upload a file and return its id."""
    form = aiohttp.FormData()
    form.add_field("file", content, filename=name, content_type=kind)
    return str((await person.post("/api/v1/files/?process=false", data=form)).ok()["id"])


def list_pictures(engine: OpenAIEngine) -> list[Any]:
    """Return the names and contents of the pictures in the latest request."""
    return [(name, value) for name, value in engine.body if isinstance(value, tuple)]


async def test_openai_edits_files_and_data_urls(server: Server, ada: Person, bob: Person, openai: OpenAIEngine) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    server.services.get(ActivityListeners).add(lambda event: True)
    await connect_engine(ada, openai, IMAGE_EDIT_MODEL="dall-e-2")
    file_id = await upload(bob)
    events.clear()
    images = (await bob.post(EDIT, {"prompt": "Bluer", "image": DATA_URL})).ok()
    assert list_pictures(openai) == [("image", ("image/png", SOURCE))]
    fields = {name: value for name, value in openai.body if isinstance(value, str)}
    assert fields == {"model": "dall-e-2", "prompt": "Bluer", "response_format": "b64_json"}
    assert (await bob.get(images[0]["url"])).body == openai.png
    assert [event.event for event in events] == ["image.edited"]
    # The page names files by their addresses, with or without the server before them.
    names = [file_id, f"/api/v1/files/{file_id}/content", f"{server.url}/api/v1/files/{file_id}/content"]
    form = {
        "prompt": "Bluer",
        "image": names,
        "n": 2,
        "size": "1024x1024",
        "model": "gpt-image-1",
        "background": "opaque",
    }
    assert len((await bob.post(EDIT, form)).ok()) == 2
    assert list_pictures(openai) == [("image[]", ("image/png", SOURCE))] * 3
    fields = {name: value for name, value in openai.body if isinstance(value, str)}
    assert fields == {"model": "gpt-image-1", "prompt": "Bluer", "n": "2", "size": "1024x1024", "background": "opaque"}
    meta = (await bob.get(f"/api/v1/files/{images[0]['id']}")).ok()["meta"]
    assert meta["data"] == {"model": "dall-e-2", "prompt": "Bluer", "response_format": "b64_json"}


async def test_images_that_a_user_may_not_read_are_not_sent(
    ada: Person, bob: Person, cy: Person, openai: OpenAIEngine
) -> None:
    await connect_engine(ada, openai)
    file_id = await upload(bob)
    text_id = await upload(bob, b"no picture", "notes.txt", "text/plain")
    for image in (file_id, f"/api/v1/files/{file_id}/content", [DATA_URL, file_id], "gone"):
        (await cy.post(EDIT, {"prompt": "Bluer", "image": image})).refused(404, NOT_FOUND)
    failed = "[ERROR: Error loading image]"
    for image in (text_id, "data:image/png;base64,", "data:text/html;base64,PGh0bWw+", "http://127.0.0.1:9/x.png"):
        (await bob.post(EDIT, {"prompt": "Bluer", "image": image})).refused(400, failed)
    (await bob.post(EDIT, {"prompt": "Bluer", "image": f"{openai.url}/pictures/1.png"})).refused(400, failed)
    for images in ([], [DATA_URL] * 17):
        (await bob.post(EDIT, {"prompt": "Bluer", "image": images})).refused(400)
    assert openai.requests == []
    await connect_engine(ada, openai, IMAGE_EDIT_ENGINE="guess")
    (await bob.post(EDIT, {"prompt": "x", "image": DATA_URL})).refused(400, "[ERROR: Unsupported image engine]")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("environment", [{"ENABLE_LOCAL_WEB_FETCH": "true"}])
async def test_images_of_the_web_are_edited(ada: Person, openai: OpenAIEngine) -> None:
    await connect_engine(ada, openai)
    async with run_engine(OpenAIEngine()) as web:
        web.png = SOURCE
        (await ada.post(EDIT, {"prompt": "Bluer", "image": f"{web.url}/pictures/1.png"})).ok()
        assert list_pictures(openai) == [("image", ("image/png", SOURCE))]
        web.replacement = answer_with(b"no", status=404)
        detail = (await ada.post(EDIT, {"prompt": "Bluer", "image": f"{web.url}/pictures/1.png"})).refused(400)
        assert detail == "[ERROR: Error loading image]"


async def test_gemini_is_shown_the_images(ada: Person) -> None:
    async with run_engine(GeminiEngine()) as gemini:
        await connect_engine(ada, gemini, IMAGE_EDIT_MODEL="gemini-2.5-flash-image")
        large = SOURCE + b"\0" * 1024**2
        form = {"prompt": "Bluer", "image": [DATA_URL, f"data:image/png;base64,{encode(large)}"]}
        images = (await ada.post(EDIT, form)).ok()
        parts = gemini.body["contents"][0]["parts"]
        assert parts[0] == {"text": "Bluer"}
        assert [part["inline_data"]["data"] for part in parts[1:]] == [encode(SOURCE), encode(large)]
        data = (await ada.get(f"/api/v1/files/{images[0]['id']}")).ok()["meta"]["data"]
        assert data == {"contents": [{"parts": [{"text": "Bluer"}]}]}


async def test_comfyui_gets_the_images_and_returns_what_it_saves(ada: Person) -> None:
    engine = ComfyEngine()
    async with run_engine(engine):
        await connect_engine(ada, engine)
        images = (await ada.post(EDIT, {"prompt": "Bluer", "image": DATA_URL})).ok()
        assert len(images) == 1 and engine.uploads == {"upload-1.png": SOURCE}
        workflow = next(body for path, _, body in engine.requests if path == "POST /prompt")["prompt"]
        assert workflow["1"]["inputs"]["image"] == "upload-1.png" and workflow["6"]["inputs"]["text"] == "Bluer"
        assert [path for path in engine.list_paths() if path == "GET /view"] == ["GET /view"]
        await set_images(ada, IMAGES_EDIT_COMFYUI_WORKFLOW="")
        detail = (await ada.post(EDIT, {"prompt": "Bluer", "image": DATA_URL})).refused(400)
        assert detail == "[ERROR: The workflow is not valid JSON]"
