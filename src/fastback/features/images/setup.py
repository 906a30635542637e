"""Set up image generation."""

from __future__ import annotations

import aiohttp

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.files.service import FileService
from fastback.features.files.uploads import UploadService
from fastback.features.images import routes
from fastback.features.images.editing import Editing
from fastback.features.images.engine_clients import EngineClients
from fastback.features.images.engines import ImageEngines
from fastback.features.images.generation import Generation
from fastback.features.images.picture_files import PictureFiles
from fastback.features.images.service import ImageService
from fastback.features.images.source_images import SourceImages
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.web.pages import PageReader
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `ImageEngines` and `ImageService`."""
    config, settings = services.get(Config), services.get(Settings)
    client, fetcher = services.get(aiohttp.ClientSession), services.get(PageReader).fetcher
    engines = ImageEngines(client, config, settings)
    services.add(ImageEngines, engines)
    clients = EngineClients(client=client, fetcher=fetcher, config=config, settings=settings, tasks=services.get(Tasks))
    sources = SourceImages(services.get(FileService), fetcher)
    service = ImageService(
        config=config,
        permissions=services.get(Permissions),
        clients=clients,
        generation=Generation(config=config, settings=settings, clients=clients, engines=engines),
        editing=Editing(config=config, settings=settings, clients=clients, sources=sources),
        files=PictureFiles(
            db=services.get(Database), uploads=services.get(UploadService), access=services.get(FileAccess)
        ),
    )
    services.add(ImageService, service)


COMPONENT = Component(name="images", routers=[routes.router], setup=set_up)
