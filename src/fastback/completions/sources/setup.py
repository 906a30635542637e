"""Build what reads the items that questions refer to."""

from __future__ import annotations

from fastback.access.grants import Grants
from fastback.access.permissions import Permissions
from fastback.completions.sources.external_sources import ExternalSources
from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.sources.readings import ReadingPlanner
from fastback.completions.sources.resolver import SourceResolver
from fastback.completions.tasks.generations import Generations
from fastback.config import Config
from fastback.features.chats.access import ChatAccess
from fastback.features.files.access import FileAccess
from fastback.features.folders.readable_entries import ReadableEntries
from fastback.features.knowledge.external_connections import ExternalConnections
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.kit.db import Database
from fastback.kit.services import Services
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.search.retriever import Retriever
from fastback.retrieval.web.pages import PageReader
from fastback.settings import Settings


def add_sources(services: Services) -> None:
    """Add what reads the items of questions, for the prompt and for tools."""
    db, files = services.get(Database), services.get(FileAccess)
    lookup = ItemLookup(
        db=db,
        grants=services.get(Grants),
        chat_access=services.get(ChatAccess),
        files=files,
        folder_files=ReadableEntries(db, services.get(Permissions), files),
    )
    external_sources = ExternalSources(
        pages=services.get(PageReader),
        search=services.get(ExternalSearch),
        connections=services.get(ExternalConnections),
    )
    services.add(ItemLookup, lookup)
    services.add(ExternalSources, external_sources)


def build_source_resolver(services: Services) -> SourceResolver:
    db = services.get(Database)
    planner = ReadingPlanner(
        db=db,
        lookup=services.get(ItemLookup),
        collections=services.get(CollectionAccess),
        settings=services.get(Settings),
    )
    return SourceResolver(
        db=db,
        config=services.get(Config),
        planner=planner,
        external_sources=services.get(ExternalSources),
        retriever=services.get(Retriever),
        generations=services.get(Generations),
    )
