"""Routes below `/api/v1/images`: generating, editing, settings, the test of an engine, and its models."""

from __future__ import annotations

import logging
import re
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.config.keys.images import IMAGE_GENERATION_COMFYUI_BASE_URL, IMAGES_EDIT_COMFYUI_BASE_URL
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.features.images.engines import ImageEngines, Model, UnknownEngine
from fastback.features.images.schemas import CreateImageForm, EditImageForm, ImageFile
from fastback.features.images.service import ImageService
from fastback.features.images.settings import FIELDS, ImagesForm, VerifyForm
from fastback.kit.http import BadRequest, Forbidden, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.media.engine_client import EngineError
from fastback.settings import Settings

router = Router("/api/v1/images")

log = logging.getLogger("fastback.images")

JsonObject = dict[str, Any]

_SIZE = re.compile(r"\d+x\d+$")


def _dump_settings(config: Config) -> JsonObject:
    return {field: config.get(key) for field, key in FIELDS.items()}


def _validate_form(data: ImagesForm, settings: Settings) -> None:
    """Raise BadRequest if the image size or the number of steps is invalid."""
    pattern = settings.image_auto_size_models_regex_pattern
    if data.IMAGE_SIZE == "auto" and not re.match(pattern, data.IMAGE_GENERATION_MODEL):
        raise BadRequest(messages.incorrect_format(f"  (auto is only allowed with models matching {pattern})."))
    if data.IMAGE_SIZE is None or (data.IMAGE_SIZE not in ("auto", "") and not _SIZE.match(data.IMAGE_SIZE)):
        raise BadRequest(messages.incorrect_format("  (e.g., 512x512)."))
    if data.IMAGE_STEPS is None or data.IMAGE_STEPS < 0:
        raise BadRequest(messages.incorrect_format("  (e.g., 50)."))


@router.get("/config")
async def get_settings(user: AdminUser, config: Config) -> JsonObject:
    """Return the settings of image generation."""
    return _dump_settings(config)


@router.post("/config/update")
async def update_settings(
    data: ImagesForm, user: AdminUser, config: Config, settings: Settings, engines: ImageEngines
) -> JsonObject:
    """Store the settings of image generation, and make the engine load the model."""
    _validate_form(data, settings)
    changes = {FIELDS[field]: value for field, value in msgspec.structs.asdict(data).items()}
    changes[IMAGE_GENERATION_COMFYUI_BASE_URL] = data.COMFYUI_BASE_URL.strip("/")
    changes[IMAGES_EDIT_COMFYUI_BASE_URL] = data.IMAGES_EDIT_COMFYUI_BASE_URL.strip("/")
    await config.set_many(changes)
    await engines.load_model(data.IMAGE_GENERATION_MODEL)
    return _dump_settings(config) | {"USER_PERMISSIONS": config.get(USER_PERMISSIONS)}


@router.post("/verify")
async def verify_engine(data: VerifyForm, user: AdminUser, engines: ImageEngines) -> bool:
    """Test the connection to an engine."""
    try:
        await engines.verify_engine(data.engine, data.url, data.key)
    except UnknownEngine:
        raise BadRequest("Unsupported image engine") from None
    except EngineError as error:
        log.info("test of image engine %s failed: %s", data.url, error)
        raise BadRequest(messages.INVALID_URL) from None
    return True


@router.get("/models")
async def list_models(user: VerifiedUser, engines: ImageEngines) -> list[Model] | None:
    """List the models of the configured engine."""
    try:
        return await engines.list_models()
    except EngineError as error:
        log.warning("listing image models failed: %s", error)
        raise BadRequest(messages.wrap_reason("Failed to retrieve image generation models")) from None


@router.post("/generations")
async def generate_images(
    request: Request, data: CreateImageForm, user: VerifiedUser, images: ImageService
) -> list[ImageFile]:
    """Generate images, until the client disconnects."""
    if not await images.may_generate(user):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    return await run_while_connected(request.receive, images.generate_images(data, user))


@router.post("/edit", takes_content=True)
async def edit_images(
    request: Request, data: EditImageForm, user: VerifiedUser, images: ImageService
) -> list[ImageFile]:
    """Edit images, until the client disconnects."""
    if not await images.may_edit(user):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    return await run_while_connected(request.receive, images.edit_images(data, user))
