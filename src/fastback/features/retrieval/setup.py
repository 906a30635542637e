"""Build the services of the retrieval routes."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import UploadService
from fastback.features.retrieval import routes
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.features.retrieval.removed_documents import RemovedDocuments
from fastback.features.retrieval.translation import Translation
from fastback.features.retrieval.web_files import WebFiles
from fastback.features.retrieval.web_search import WebSearchService
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.interfaces import VectorStore
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.retrieval.web.pages import PageReader
from fastback.retrieval.web.search import WebSearch
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Translation`, `CollectionAccess`, `WebSearchService` and `WebFiles`."""
    services.add(Translation, Translation())
    db = services.get(Database)
    files = services.get(FileAccess)
    access = CollectionAccess(
        db=db, permissions=services.get(Permissions), files=files, settings=services.get(Settings)
    )
    services.add(CollectionAccess, access)
    config = services.get(Config)
    search = services.get(WebSearch)
    results = WebSearchService(
        config=config,
        permissions=services.get(Permissions),
        search=search,
        pages=services.get(PageReader),
        indexer=services.get(Indexer),
    )
    services.add(WebSearchService, results)
    pages = services.get(PageReader)
    services.add(WebFiles, WebFiles(db, pages.fetcher, services.get(UploadService)))
    store = services.get(VectorStore)
    if isinstance(store, SqliteStore):
        services.get(Tasks).run_in_background(RemovedDocuments(db, store).take_over(services.get(Settings)))


COMPONENT = Component(name="retrieval routes", routers=routes.routers, setup=set_up)
