"""Images for users: who may generate and edit them, and the files that they become."""

from __future__ import annotations

from collections.abc import Awaitable

from fastback import messages
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.images import IMAGE_GENERATION_ENABLE, IMAGES_EDIT_ENABLE
from fastback.features.images.editing import Editing
from fastback.features.images.engine_clients import EngineClients
from fastback.features.images.generation import Generation
from fastback.features.images.picture_files import ImageFile, PictureFiles
from fastback.features.images.schemas import AnswerLink, CreateImageForm, EditImageForm
from fastback.kit.http import BadRequest
from fastback.media.images.engine_requests import ImageEngineError
from fastback.media.images.pictures import EngineResult

#: Images of one answer of an engine.
MAX_RESULTS = 64


class ImageService:
    """Generates and edits images, and stores the results."""

    def __init__(
        self,
        *,
        config: Config,
        permissions: Permissions,
        clients: EngineClients,
        generation: Generation,
        editing: Editing,
        files: PictureFiles,
    ) -> None:
        self._config = config
        self._permissions = permissions
        self._clients = clients
        self._generation = generation
        self._editing = editing
        self._files = files

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
        return await self._store_results(self._generation.generate(form, user), user, answer)

    async def edit_images(self, form: EditImageForm, user: User, answer: AnswerLink | None = None) -> list[ImageFile]:
        """Edit images, and return the files of the results. The caller checks that the user may do it.

        Raises:
            NotFound: the user may not read one of the images, or it does not exist.
            BadRequest: as `generate_images`; or an image cannot be loaded.
        """
        return await self._store_results(self._editing.edit(form, user), user, answer)

    async def _store_results(
        self, work: Awaitable[EngineResult], user: User, answer: AnswerLink | None
    ) -> list[ImageFile]:
        try:
            result = await work
            if len(result.pictures) > MAX_RESULTS:
                raise ImageEngineError("The response of the image engine is too large")
            files: list[ImageFile] = []
            result.pictures.reverse()
            while result.pictures:  # one after the other, each freed once it is stored
                picture = await self._clients.requests.load_picture(result.pictures.pop())
                files.append(await self._files.store_picture(picture, result.details, user, answer))
            return files
        except ImageEngineError as error:
            raise BadRequest(messages.wrap_reason(str(error))) from error
