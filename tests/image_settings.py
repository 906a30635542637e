"""Settings of images for tests: connect a server to the stand-ins of engines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import comfyui_engine
from conftest import Person
from image_engines import Automatic1111Engine, Engine, GeminiEngine, OpenAIEngine, run_engine

IMAGES = "/api/v1/images"


async def set_images(admin: Person, **fields: Any) -> None:
    """Change settings of images; generating is on."""
    settings = (await admin.get(f"{IMAGES}/config")).ok()
    (await admin.post(f"{IMAGES}/config/update", settings | {"ENABLE_IMAGE_GENERATION": True} | fields)).ok()


async def connect_engine(admin: Person, engine: Engine, **fields: Any) -> None:
    """Generate with an engine, and edit with it where it edits."""
    await set_images(admin, **(_describe_connection(engine) | fields))


def _describe_connection(engine: Engine) -> dict[str, Any]:
    if isinstance(engine, Automatic1111Engine):
        return {
            "IMAGE_GENERATION_ENGINE": "automatic1111",
            "AUTOMATIC1111_BASE_URL": engine.url,
            "AUTOMATIC1111_API_AUTH": "user:secret",
        }
    if isinstance(engine, OpenAIEngine):
        name, base_url, key, prefix = "openai", f"{engine.url}/v1", "image-key", "OPENAI_API"
    elif isinstance(engine, GeminiEngine):
        name, base_url, key, prefix = "gemini", f"{engine.url}/v1beta", "google-key", "GEMINI_API"
    else:
        return {**_describe_comfyui(engine), "ENABLE_IMAGE_EDIT": True}
    return {
        "IMAGE_GENERATION_ENGINE": name,
        "IMAGE_EDIT_ENGINE": name,
        "ENABLE_IMAGE_EDIT": True,
        **{f"{kind}_{prefix}_BASE_URL": base_url for kind in ("IMAGES", "IMAGES_EDIT")},
        **{f"{kind}_{prefix}_KEY": key for kind in ("IMAGES", "IMAGES_EDIT")},
    }


def _describe_comfyui(engine: Engine) -> dict[str, Any]:
    return {
        "IMAGE_GENERATION_ENGINE": "comfyui",
        "COMFYUI_BASE_URL": engine.url,
        "COMFYUI_API_KEY": "comfy-key",
        "COMFYUI_WORKFLOW": json.dumps(comfyui_engine.WORKFLOW),
        "COMFYUI_WORKFLOW_NODES": comfyui_engine.NODES,
        "IMAGE_EDIT_ENGINE": "comfyui",
        "IMAGES_EDIT_COMFYUI_BASE_URL": engine.url,
        "IMAGES_EDIT_COMFYUI_API_KEY": "comfy-key",
        "IMAGES_EDIT_COMFYUI_WORKFLOW": json.dumps(comfyui_engine.EDIT_WORKFLOW),
        "IMAGES_EDIT_COMFYUI_WORKFLOW_NODES": comfyui_engine.EDIT_NODES,
    }


@asynccontextmanager
async def run_all_engines() -> AsyncIterator[dict[str, str]]:
    """Run one engine of each kind; yield their addresses, as `engines.<name>`."""
    engines: dict[str, Engine] = {
        "openai": OpenAIEngine(),
        "gemini": GeminiEngine(),
        "automatic1111": Automatic1111Engine(),
        "comfyui": comfyui_engine.ComfyEngine(),
    }
    async with AsyncExitStack() as stack:
        for engine in engines.values():
            await stack.enter_async_context(run_engine(engine))
        yield {f"engines.{name}": engine.url for name, engine in engines.items()}
