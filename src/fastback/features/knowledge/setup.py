"""Starts what operations on knowledge share, and the making of their indexes beside the first requests."""

from __future__ import annotations

import aiohttp

from fastback.access.grants import Grants
from fastback.config import Config
from fastback.features.files.access import FileAccess
from fastback.features.files.chunks import FileChunks
from fastback.features.files.deletion import FileDeletion
from fastback.features.files.upload_targets import UploadTargets
from fastback.features.knowledge import routes
from fastback.features.knowledge.descriptions import Descriptions
from fastback.features.knowledge.external_connections import Connections
from fastback.features.knowledge.file_list_store import INDEX, PENDING_INDEX, FileLists
from fastback.features.knowledge.membership import Contents
from fastback.features.knowledge.service import Library
from fastback.features.knowledge.sources import Sources
from fastback.features.knowledge.upload_target import KnowledgeUploads
from fastback.features.models.service import WorkspaceModels
from fastback.kit.bus import Bus
from fastback.kit.db import Database, indexes
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.records.access import RecordAccess
from fastback.retrieval.external.search import ExternalSearch
from fastback.retrieval.interfaces import Embedder, VectorStore
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add `Library`, what the routes of knowledge ask for."""
    db = services.get(Database)
    settings = services.get(Settings)
    owned = services.get(RecordAccess)
    workspace = services.get(WorkspaceModels)
    tasks = services.get(Tasks)
    embedder = services.get(Embedder)
    vectors = services.get(VectorStore)
    contents = Contents(
        db=db,
        access=services.get(FileAccess),
        chunks=services.get(FileChunks),
        removal=services.get(FileDeletion),
        vectors=vectors,
        keeps_files=settings.enable_knowledge_file_retention,
    )
    uploads = KnowledgeUploads(db=db, grants=services.get(Grants), chunks=services.get(FileChunks))
    services.get(UploadTargets).register(uploads)
    descriptions = Descriptions(db=db, embedder=embedder, vectors=vectors, tasks=tasks)
    services.add(Contents, contents)
    services.add(Descriptions, descriptions)
    library = Library(
        owned=owned, workspace=workspace, contents=contents, descriptions=descriptions, bus=services.get(Bus)
    )
    connections = Connections(services.get(Config), db)
    search = ExternalSearch(embedder, services.get(aiohttp.ClientSession))
    services.add(Library, library)
    services.add(Connections, connections)
    services.add(ExternalSearch, search)
    services.add(Sources, Sources(connections, library, search))
    lists = FileLists(db, settings.rag_file_content_search_max_chars)
    services.add(FileLists, lists)

    async def index() -> None:
        if db.dialect == "sqlite":
            await indexes.ensure_index(db, INDEX)
            lists.indexed = True
            await indexes.ensure_index(db, PENDING_INDEX)

    tasks.run_in_background(index())


COMPONENT = Component(name="knowledge", routers=routes.routers, setup=set_up)
