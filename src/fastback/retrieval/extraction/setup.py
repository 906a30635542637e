"""Create the extractor and the splitter; their worker processes stop with the server."""

from __future__ import annotations

import aiohttp

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.extraction.extraction_pool import ExtractionPool
from fastback.retrieval.extraction.service import ConfiguredExtractor
from fastback.retrieval.interfaces import Extractor, Splitter
from fastback.retrieval.splitting.service import ConfiguredSplitter
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Register `Extractor` and `Splitter`."""
    config = services.get(Config)
    settings = services.get(Settings)
    tasks = services.get(Tasks)
    extraction = ConfiguredExtractor(
        config=config,
        settings=settings,
        client=services.get(aiohttp.ClientSession),
        permissions=services.get(Permissions),
        pool=ExtractionPool(),
    )
    splitting = ConfiguredSplitter(config, settings)
    services.add(Extractor, extraction)
    services.add(Splitter, splitting)
    tasks.run_at_shutdown(extraction.close)
    tasks.run_at_shutdown(splitting.close)


COMPONENT = Component(name="extraction", setup=set_up)
