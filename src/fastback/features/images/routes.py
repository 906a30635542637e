"""`/api/v1/images`: settings of pictures; whether an engine is there, and its models."""

from __future__ import annotations

import logging
import re
from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.config import Config
from fastback.config.keys.images import IMAGE_GENERATION_COMFYUI_BASE_URL, IMAGES_EDIT_COMFYUI_BASE_URL
from fastback.config.keys.permissions import USER_PERMISSIONS
from fastback.features.images.engines import Engines, Model, UnknownEngine
from fastback.features.images.settings import FIELDS, ImagesForm, VerifyForm
from fastback.kit.http import BadRequest, Router
from fastback.media.engine_client import EngineError
from fastback.settings import Settings

router = Router("/api/v1/images")

log = logging.getLogger("fastback.images")

Answer = dict[str, Any]

_SIZE = re.compile(r"\d+x\d+$")


def _page(config: Config) -> Answer:
    return {field: config.get(key) for field, key in FIELDS.items()}


def _check(data: ImagesForm, settings: Settings) -> None:
    """Raises: BadRequest for a size or a number of steps that no engine takes."""
    pattern = settings.image_auto_size_models_regex_pattern
    if data.IMAGE_SIZE == "auto" and not re.match(pattern, data.IMAGE_GENERATION_MODEL):
        raise BadRequest(messages.incorrect_format(f"  (auto is only allowed with models matching {pattern})."))
    if data.IMAGE_SIZE is None or (data.IMAGE_SIZE not in ("auto", "") and not _SIZE.match(data.IMAGE_SIZE)):
        raise BadRequest(messages.incorrect_format("  (e.g., 512x512)."))
    if data.IMAGE_STEPS is None or data.IMAGE_STEPS < 0:
        raise BadRequest(messages.incorrect_format("  (e.g., 50)."))


@router.get("/config")
async def settings_page(user: AdminUser, config: Config) -> Answer:
    return _page(config)


@router.post("/config/update")
async def save_settings(
    data: ImagesForm, user: AdminUser, config: Config, settings: Settings, engines: Engines
) -> Answer:
    _check(data, settings)
    changed = {FIELDS[field]: value for field, value in msgspec.structs.asdict(data).items()}
    changed[IMAGE_GENERATION_COMFYUI_BASE_URL] = data.COMFYUI_BASE_URL.strip("/")
    changed[IMAGES_EDIT_COMFYUI_BASE_URL] = data.IMAGES_EDIT_COMFYUI_BASE_URL.strip("/")
    await config.set_many(changed)
    await engines.use(data.IMAGE_GENERATION_MODEL)
    return _page(config) | {"USER_PERMISSIONS": config.get(USER_PERMISSIONS)}


@router.post("/verify")
async def verify(data: VerifyForm, user: AdminUser, engines: Engines) -> bool:
    try:
        await engines.verify(data.engine, data.url, data.key)
    except UnknownEngine:
        raise BadRequest("Unsupported image engine") from None
    except EngineError as error:
        log.info("image engine %s: %s", data.url, error)
        raise BadRequest(messages.INVALID_URL) from None
    return True


@router.get("/models")
async def models(user: VerifiedUser, engines: Engines) -> list[Model] | None:
    try:
        return await engines.models()
    except EngineError as error:
        log.warning("models that make pictures: %s", error)
        raise BadRequest(messages.wrap_reason("Failed to retrieve image generation models")) from None
