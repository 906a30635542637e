"""`images.…`: images that plugins make, whether or not the settings and the user's permissions allow it on the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.access.identity import IdentityResolver, User
from fastback.features.images.schemas import CreateImageForm, EditImageForm, ImageFile
from fastback.features.images.service import ImageService
from fastback.kit.http.errors import HttpError
from fastback.plugins.methods import HostMethods

Json = dict[str, Any]


class ImageMethods:
    """Generate and edit images for a user. Plugins are trusted, so what the caller would check is not checked."""

    def __init__(self, images: ImageService, identities: IdentityResolver) -> None:
        self._images = images
        self._identities = identities

    def add_to(self, methods: HostMethods) -> None:
        methods.add("images.generate", self.generate_images)
        methods.add("images.edit", self.edit_images)

    async def generate_images(self, user_id: str, form: Json) -> Json:
        """Return `status` and `body` of a response that holds the images."""
        return await self._respond(
            user_id, lambda user: self._images.generate_images(msgspec.convert(form, CreateImageForm), user)
        )

    async def edit_images(self, user_id: str, form: Json) -> Json:
        """Return `status` and `body` of a response that holds the images."""
        return await self._respond(
            user_id, lambda user: self._images.edit_images(msgspec.convert(form, EditImageForm), user)
        )

    async def _respond(self, user_id: str, make: Callable[[User], Awaitable[list[ImageFile]]]) -> Json:
        try:
            async with self._identities.impersonate(user_id) as token:
                identity = await self._identities.resolve(token, "")
            return {"status": 200, "body": msgspec.json.encode(await make(identity.user))}
        except HttpError as error:
            return {"status": error.status, "body": msgspec.json.encode({"detail": error.detail})}
        except msgspec.ValidationError as error:
            return {"status": 422, "body": msgspec.json.encode({"detail": str(error)})}
