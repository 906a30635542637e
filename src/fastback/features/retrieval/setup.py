"""Starts what the routes of retrieval work with."""

from __future__ import annotations

from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.files.uploads import Uploads
from fastback.features.retrieval.access import CollectionAccess
from fastback.features.retrieval.web_files import WebFiles
from fastback.features.retrieval.web_results import WebResults
from fastback.kit.db import Database
from fastback.kit.http.binding import Services
from fastback.retrieval.indexing import Indexer
from fastback.retrieval.web.pages import Pages
from fastback.retrieval.web.search import WebSearch
from fastback.settings import Settings


class Translation:
    """The language that the page "Web Search" asks transcripts in; no key of the configuration holds it."""

    language: str | None = None


async def start(services: Services) -> None:
    """Add `Translation`, `CollectionAccess`, `WebResults` and `WebFiles`."""
    services.add(Translation, Translation())
    db: Database = services.get(Database)
    files: FileAccess = services.get(FileAccess)
    access = CollectionAccess(db, services.get(Permissions), files, services.get(Settings))
    services.add(CollectionAccess, access)
    config: Config = services.get(Config)
    search: WebSearch = services.get(WebSearch)
    results = WebResults(config, services.get(Permissions), search, services.get(Pages), services.get(Indexer))
    services.add(WebResults, results)
    pages: Pages = services.get(Pages)
    services.add(WebFiles, WebFiles(db, pages.fetching, services.get(Uploads)))
