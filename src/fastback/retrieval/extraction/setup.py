"""Makes the extractor and the splitter; their processes end with the server."""

from __future__ import annotations

import aiohttp

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.extraction.extraction_pool import Local
from fastback.retrieval.extraction.service import Extraction
from fastback.retrieval.interfaces import Extractor, Splitter
from fastback.retrieval.splitting.service import Splitting
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Extractor` and `Splitter`."""
    config = services.get(Config)
    settings = services.get(Settings)
    tasks = services.get(Tasks)
    extraction = Extraction(
        config=config,
        settings=settings,
        client=services.get(aiohttp.ClientSession),
        permissions=services.get(Permissions),
        local=Local(),
    )
    splitting = Splitting(config, settings)
    services.add(Extractor, extraction)
    services.add(Splitter, splitting)
    tasks.run_at_shutdown(extraction.close)
    tasks.run_at_shutdown(splitting.close)


COMPONENT = Component(name="extraction", setup=set_up)
