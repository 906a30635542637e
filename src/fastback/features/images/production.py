"""The production of images: by the engine of the settings, as files. It is imported by the first request for one."""

from __future__ import annotations

from collections.abc import Awaitable

import aiohttp

from fastback import messages
from fastback.access.identity import User
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.files.service import FileService
from fastback.features.files.uploads import UploadService
from fastback.features.images.editing import Editing
from fastback.features.images.engine_clients import EngineClients
from fastback.features.images.engines import ImageEngines
from fastback.features.images.generation import Generation
from fastback.features.images.picture_files import PictureFiles
from fastback.features.images.schemas import AnswerLink, CreateImageForm, EditImageForm, ImageFile
from fastback.features.images.source_images import SourceImages
from fastback.kit.db import Database
from fastback.kit.http import BadRequest
from fastback.kit.services import Services
from fastback.kit.tasks import Tasks
from fastback.media.images.engine_requests import ImageEngineError
from fastback.media.images.pictures import EngineResult
from fastback.retrieval.web.pages import PageReader
from fastback.settings import Settings

#: Images of one answer of an engine.
MAX_RESULTS = 64


class ImageProduction:
    """Generates and edits images, and stores the results."""

    def __init__(
        self, *, clients: EngineClients, generation: Generation, editing: Editing, files: PictureFiles
    ) -> None:
        self._clients = clients
        self._generation = generation
        self._editing = editing
        self._files = files

    async def generate_images(self, form: CreateImageForm, user: User, answer: AnswerLink | None) -> list[ImageFile]:
        """Generate images, and return the files that they are stored in.

        Raises:
            BadRequest: the form is invalid, the engine failed, or its images cannot be stored.
        """
        return await self._store_results(self._generation.generate(form, user), user, answer)

    async def edit_images(self, form: EditImageForm, user: User, answer: AnswerLink | None) -> list[ImageFile]:
        """Edit images, and return the files of the results.

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


def build_production(services: Services) -> ImageProduction:
    """Build what produces images."""
    config, settings = services.get(Config), services.get(Settings)
    fetcher = services.get(PageReader).fetcher
    clients = EngineClients(
        client=services.get(aiohttp.ClientSession),
        fetcher=fetcher,
        config=config,
        settings=settings,
        tasks=services.get(Tasks),
    )
    sources = SourceImages(services.get(FileService), fetcher)
    return ImageProduction(
        clients=clients,
        generation=Generation(config=config, settings=settings, clients=clients, engines=services.get(ImageEngines)),
        editing=Editing(config=config, settings=settings, clients=clients, sources=sources),
        files=PictureFiles(
            db=services.get(Database), uploads=services.get(UploadService), access=services.get(FileAccess)
        ),
    )
