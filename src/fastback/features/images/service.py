"""Images for users: who may generate and edit them."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.images import IMAGE_GENERATION_ENABLE, IMAGES_EDIT_ENABLE
from fastback.features.images.schemas import AnswerLink, CreateImageForm, EditImageForm, ImageFile
from fastback.kit.services import Services

if TYPE_CHECKING:
    from fastback.features.images.production import ImageProduction


class ImageService:
    """Generates and edits images for users."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._config = services.get(Config)
        self._permissions = services.get(Permissions)
        self._production: ImageProduction | None = None

    async def may_generate(self, user: User) -> bool:
        """Return whether generating is enabled, and this user may do it."""
        return self._config.get_bool(IMAGE_GENERATION_ENABLE) and await self._has_permission(user)

    async def may_edit(self, user: User) -> bool:
        """Return whether editing is enabled, and this user may do it."""
        return self._config.get_bool(IMAGES_EDIT_ENABLE) and await self._has_permission(user)

    async def _has_permission(self, user: User) -> bool:
        return user.is_admin or await self._permissions.has(user.id, "features.image_generation")

    async def generate_images(
        self, form: CreateImageForm, user: User, answer: AnswerLink | None = None
    ) -> list[ImageFile]:
        """Generate images, and return the files that they are stored in. The caller checks that the user may do it.

        Raises:
            BadRequest: the form is invalid, the engine failed, or its images cannot be stored.
        """
        return await (await self._get_production()).generate_images(form, user, answer)

    async def edit_images(self, form: EditImageForm, user: User, answer: AnswerLink | None = None) -> list[ImageFile]:
        """Edit images, and return the files of the results. The caller checks that the user may do it.

        Raises:
            NotFound: the user may not read one of the images, or it does not exist.
            BadRequest: as `generate_images`; or an image cannot be loaded.
        """
        return await (await self._get_production()).edit_images(form, user, answer)

    async def _get_production(self) -> ImageProduction:
        """Return what produces images; most servers never need it, so the first request imports it, in a thread."""
        if self._production is None:
            module = await asyncio.to_thread(importlib.import_module, "fastback.features.images.production")
            self._production = self._production or module.build_production(self._services)
        return self._production
