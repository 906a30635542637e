"""Image settings, the check of an image engine, and its models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp.web
import pytest

from conftest import Person, Server
from fastback.access.activity import ActivityEvent, ActivityListeners
from fastback.kit.bus import Bus

IMAGES = "/api/v1/images"
PROHIBITED = "You do not have permission to access this resource. Please contact your administrator for assistance."
FAILED = "[ERROR: Failed to retrieve image generation models]"


async def test_settings_are_saved_as_they_are_read(server: Server, ada: Person, bob: Person, anonymous: Person) -> None:
    events: list[ActivityEvent] = []
    server.services.get(Bus).subscribe(ActivityEvent, events.append)
    server.services.get(ActivityListeners).add(lambda event: True)
    before = (await ada.get(f"{IMAGES}/config")).ok()
    changed = before | {
        "ENABLE_IMAGE_GENERATION": True,
        "COMFYUI_BASE_URL": "http://127.0.0.1:9/",
        "IMAGES_OPENAI_API_PARAMS": "",
        "COMFYUI_WORKFLOW_NODES": [{"type": "model", "key": "ckpt_name", "node_ids": ["checkpoint"]}],
    }
    saved = (await ada.post(f"{IMAGES}/config/update", changed)).ok()
    assert saved.pop("USER_PERMISSIONS")["chat"]
    assert saved == changed | {"COMFYUI_BASE_URL": "http://127.0.0.1:9"}
    assert (await ada.get(f"{IMAGES}/config")).ok() == saved
    assert [(event.event, event.subject_id) for event in events] == [("config.updated", "images")]

    for person, detail in ((bob, PROHIBITED), (anonymous, "Not authenticated")):
        (await person.get(f"{IMAGES}/config")).refused(401, detail)
        (await person.post(f"{IMAGES}/config/update", {})).refused(401, detail)
        (await person.post(f"{IMAGES}/verify", {})).refused(401, detail)
    (await anonymous.get(f"{IMAGES}/models")).refused(401, "Not authenticated")


async def test_sizes_and_steps_are_checked(ada: Person) -> None:
    before = (await ada.get(f"{IMAGES}/config")).ok()
    auto_hint = "Invalid format. Please use the correct format  (auto is only allowed with models matching ^gpt-image)."
    for fields, detail in (
        ({"IMAGE_SIZE": "auto"}, auto_hint),
        ({"IMAGE_SIZE": "big"}, "Invalid format. Please use the correct format  (e.g., 512x512)."),
        ({"IMAGE_SIZE": None}, "Invalid format. Please use the correct format  (e.g., 512x512)."),
        ({"IMAGE_STEPS": -1}, "Invalid format. Please use the correct format  (e.g., 50)."),
        ({"IMAGE_STEPS": None}, "Invalid format. Please use the correct format  (e.g., 50)."),
    ):
        (await ada.post(f"{IMAGES}/config/update", before | fields)).refused(400, detail)
    problem = (await ada.post(f"{IMAGES}/config/update", before | {"COMFYUI_WORKFLOW_NODES": [1]})).refused(422)[0]
    assert problem["loc"][:2] == ["body", "COMFYUI_WORKFLOW_NODES"]
    assert (await ada.get(f"{IMAGES}/config")).ok() == before
    body = before | {"IMAGE_SIZE": "auto", "IMAGE_GENERATION_MODEL": "gpt-image-1"}
    assert (await ada.post(f"{IMAGES}/config/update", body)).ok()["IMAGE_SIZE"] == "auto"
    assert (await ada.post(f"{IMAGES}/config/update", before | {"IMAGE_SIZE": ""})).ok()["IMAGE_SIZE"] == ""


@pytest.fixture
async def image_engine() -> AsyncIterator[Any]:
    """Run a server that speaks both AUTOMATIC1111 and ComfyUI; yield its address and the requests it received."""
    requests: list[tuple[str, str, str | None, Any]] = []

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        requests.append((request.method, request.path, request.headers.get("authorization"), body))
        replies: dict[str, Any] = {
            "/sdapi/v1/options": {"sd_model_checkpoint": "old", "more": 1},
            "/sdapi/v1/sd-models": [{"title": "a [1]", "model_name": "a"}],
            "/object_info": {
                "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["x.safetensors"]]}}},
                "UNETLoader": {"input": {"required": {"steps": [], "unet_name": [["y.gguf"]]}}},
                "Plain": {"input": {"required": {}}},
            },
        }
        if request.path not in replies:
            return aiohttp.web.Response(status=403, text="no")
        return aiohttp.web.json_response(replies[request.path])

    application = aiohttp.web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", requests
    await runner.cleanup()


@pytest.mark.parametrize("database", ["sqlite"])
async def test_engines_are_verified(ada: Person, image_engine: Any) -> None:
    url, requests = image_engine
    invalid_url = "The URL you provided is invalid. Please double-check and try again."
    assert (
        await ada.post(f"{IMAGES}/verify", {"engine": "automatic1111", "url": f"{url}/", "key": "u:p"})
    ).ok() is True
    assert requests[-1][:3] == ("GET", "/sdapi/v1/options", "Basic dTpw")
    assert (await ada.post(f"{IMAGES}/verify", {"engine": "comfyui", "url": url, "key": "k"})).ok() is True
    assert requests[-1][:3] == ("GET", "/object_info", "Bearer k")
    (await ada.post(f"{IMAGES}/verify", {"engine": "comfyui", "url": f"{url}/no"})).refused(400, invalid_url)
    (await ada.post(f"{IMAGES}/verify", {"engine": "comfyui", "url": "nowhere"})).refused(400, invalid_url)
    (await ada.post(f"{IMAGES}/verify", {"engine": "openai", "url": url})).refused(400, "Unsupported image engine")
    assert (await ada.post(f"{IMAGES}/verify", {"engine": "comfyui"})).status == 422


@pytest.mark.parametrize("database", ["sqlite"])
async def test_models_come_from_the_engine(ada: Person, bob: Person, image_engine: Any) -> None:
    url, requests = image_engine
    settings = (await ada.get(f"{IMAGES}/config")).ok()

    async def list_models_with(**fields: Any) -> Any:
        (await ada.post(f"{IMAGES}/config/update", settings | fields)).ok()
        return await bob.get(f"{IMAGES}/models")

    assert len((await list_models_with(IMAGE_GENERATION_ENGINE="openai")).ok()) == 4
    assert len((await list_models_with(IMAGE_GENERATION_ENGINE="gemini")).ok()) == 1
    assert (await list_models_with(IMAGE_GENERATION_ENGINE="guess")).ok() is None
    (await list_models_with(IMAGE_GENERATION_ENGINE="")).refused(400, FAILED)
    automatic1111 = {
        "IMAGE_GENERATION_ENGINE": "automatic1111",
        "AUTOMATIC1111_BASE_URL": url,
        "AUTOMATIC1111_API_AUTH": "u:p",
    }
    assert (await list_models_with(**automatic1111, IMAGE_GENERATION_MODEL="a [1]")).ok() == [
        {"id": "a [1]", "name": "a"}
    ]
    load_request = ("POST", "/sdapi/v1/options", "Basic dTpw", {"sd_model_checkpoint": "a [1]", "more": 1})
    assert load_request in requests, "the engine loads the selected model"

    comfyui = {"IMAGE_GENERATION_ENGINE": "comfyui", "COMFYUI_BASE_URL": url}
    assert (await list_models_with(**comfyui)).ok() == [{"id": "x.safetensors", "name": "x.safetensors"}]
    workflow_nodes = {"COMFYUI_WORKFLOW_NODES": [{"type": "prompt"}, {"type": "model", "node_ids": ["1"]}]}
    reply = await list_models_with(**comfyui, **workflow_nodes, COMFYUI_WORKFLOW='{"1": {"class_type": "UNETLoader"}}')
    assert reply.ok() == [{"id": "y.gguf", "name": "y.gguf"}]
    assert (
        await list_models_with(**comfyui, **workflow_nodes, COMFYUI_WORKFLOW='{"1": {"class_type": "Plain"}}')
    ).ok() is None
    (await list_models_with(**comfyui, **workflow_nodes, COMFYUI_WORKFLOW='{"1": {"class_type": "Gone"}}')).refused(
        400, FAILED
    )
    (await list_models_with(**comfyui, **workflow_nodes, COMFYUI_WORKFLOW="no JSON")).refused(400, FAILED)
